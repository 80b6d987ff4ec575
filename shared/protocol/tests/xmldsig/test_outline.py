"""Requests of a known outline get the verdict and the values that the ordinary way gives them, to the octet."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from dccemu_protocol.duis import Limits, parse_document
from dccemu_protocol.duis.canonical import canonical
from dccemu_protocol.xmldsig import Outlines

SEED = 20261128
MUTANTS = 60
SPLINTERS = [
    *(b"<", b">", b"</", b"/>", b"<>", b"&", b"&lt;", b"&#13;", b"\r", b"\0", b"\x0b", b"\x7f", b"]]>", b"<!---->"),
    *(b"<![CDATA[x]]>", b"<?x y?>", b" ", b"\n", b"'", b'"', b"=", b"0", b"9", b"A", b"-", b"\xc3\xa9", b"\xff"),
    *(b"<sr:Body>", b"</sr:Body>", b' xmlns:x="y"', b"<ds:Signature>", b"sr:", b"ds:", b"\xef\xbb\xbf"),
]


def mutant(document: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(document))
        width = chance.choice((0, 0, 1, 1, 2, 5))
        document = document[:at] + chance.choice(SPLINTERS) * chance.randint(0, 1) + document[at + width :]
    return document


def test_published_requests_are_found_and_read_as_the_ordinary_way_reads_them(
    vectors: Path, user: Any, ways: Any
) -> None:
    found = 0
    for path in sorted((vectors / "duis").glob("*REQUEST_DUIS.XML")):
        document = user.signer.sign(path.read_bytes())
        ways.learn(document)
        way = ways.outlined(document)
        assert way in (None, ways.ordinary(document)), path.name
        found += way is not None
        assert way is not None or len(document) > 9000 or not document.isascii() or b"&" in document, path.name
    assert found > 200


def test_other_values_are_read_anew(signed: bytes, request_document: bytes, user: Any, ways: Any) -> None:
    ways.learn(signed)
    other = request_document.replace(b":1000<", b":18446744073709551615<").replace(b">60<", b"> 7 <")
    other = user.signer.sign(other.replace(b"2014-12-31T23:59:10.00Z", b"2031-01-01T00:00:00+01:00"))

    assert ways.outlined(other) == ways.ordinary(other) != ways.ordinary(signed)


def test_white_space_between_elements_is_signed_as_it_stands(
    request_document: bytes, signed: bytes, user: Any, ways: Any
) -> None:
    spaced = user.signer.sign_canonical(canonical(parse_document(request_document)))
    wider = user.signer.sign_canonical(canonical(parse_document(request_document.replace(b"\n ", b"\n\t "))))
    ways.learn(spaced)

    assert ways.outlined(wider) == ways.ordinary(wider) != ways.ordinary(spaced)
    assert ways.outlined(spaced.replace(b"\n ", b" \n")) == "SIGNATURE_DIGEST"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b":1000<", b":1001<"),
        (b"<ds:DigestValue>", b"<ds:DigestValue>A"),
        (b"</ds:SignatureValue>", b"A</ds:SignatureValue>"),
        (b"</ds:SignatureValue>", b"AAAA</ds:SignatureValue>"),
        (b"CN=Z1,OU=07", b"CN=Z2,OU=07"),
        (b"CN=Z1,OU=07", b"Z1"),
        (b"</ds:X509SerialNumber>", b"1</ds:X509SerialNumber>"),
        (b":10.00Z", b":10.01Z"),
    ],
)
def test_a_false_signature_is_refused_by_the_same_rule(signed: bytes, ways: Any, old: bytes, new: bytes) -> None:
    document = signed.replace(old, new, 1)
    assert document != signed

    ways.learn(signed)
    assert ways.outlined(document) == ways.ordinary(document)
    assert isinstance(ways.ordinary(document), str)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"<sr:CommandVariant>4</sr:", b"<sr:CommandVariant<4>/sr:", id="brackets that change places"),
        pytest.param(b">4</sr:CommandVariant>", b"><4/sr:CommandVariant>", id="a bracket that is moved"),
        pytest.param(b">60<", b">6&#48;<", id="a character reference"),
        pytest.param(b">60<", b">60\r<", id="a carriage return"),
        pytest.param(b">60<", b">60\x0b<", id="a control character"),
        pytest.param(b">60<", b">60\0<", id="a NUL"),
        pytest.param(b">60<", b">\xd9\xa6\xd9\xa0<", id="digits that are not ASCII"),
        pytest.param(b">60<", b">60]]><", id="the end of a CDATA section"),
        pytest.param(b">60<", b"><!-- -->60<", id="a comment"),
        pytest.param(b">60<", b"><![CDATA[60]]><", id="a CDATA section"),
        pytest.param(b">60<", b">sixty<", id="a value that is none"),
        pytest.param(b">60<", b"><", id="no value"),
        pytest.param(b"<sr:Header>", b"<sr:Header>x", id="text where elements stand"),
        pytest.param(b"</sr:Body>", b"</sr:Body>x", id="text before the Signature"),
        pytest.param(b"<sr:Header>", b"<sr:Header >", id="white space in a tag"),
        pytest.param(b"<sr:Header>", b"<sr:Header x='y'>", id="an attribute"),
        pytest.param(b"<sr:Body>", b"<sr:Body><sr:Body>", id="an element more"),
        pytest.param(b"</sr:Body>", b"</sr:Header>", id="tags that do not nest"),
        pytest.param(b":1000<", b":01000<", id="a RequestID that cannot be read"),
        pytest.param(b'schemaVersion="5.4"', b'schemaVersion="6.0"', id="an unknown version"),
        pytest.param(b"<?xml", b" <?xml", id="white space before the declaration"),
        pytest.param(b"<?xml", b"\xef\xbb\xbf<?xml", id="a byte order mark"),
        pytest.param(b"CN=Z1,OU=07", b"CN=Z1,OU=0\x017", id="a control character in the issuer's name"),
        pytest.param(b"CN=Z1,OU=07", b"CN=Z1,OU=]]>07", id="the end of a CDATA section in the issuer's name"),
        pytest.param(b"</ds:Signature>", b"</ds:Signature> ", id="white space after the Signature"),
        pytest.param(b"</sr:Request>", b"</sr:Request><x/>", id="a second root"),
        pytest.param(b"</sr:Request>", b"</sr:Respond>", id="another end tag"),
    ],
)
def test_what_differs_in_more_than_plain_texts_takes_the_ordinary_way(
    signed: bytes, ways: Any, old: bytes, new: bytes
) -> None:
    document = signed.replace(old, new, 1)
    assert document != signed

    ways.learn(signed)
    assert ways.outlined(document) is None


def test_white_space_in_an_element_that_must_be_empty_takes_the_ordinary_way(
    request_document: bytes, user: Any, ways: Any
) -> None:
    start, end = request_document.index(b"<sr:SynchroniseClock>"), request_document.index(b"</sr:Body>")
    read = request_document[:start] + b"<sr:ReadSupplyStatus/>" + request_document[end:]
    read = user.signer.sign(read.replace(b">4<", b">1<").replace(b">6.11<", b">7.4<"))
    ways.learn(read)

    assert ways.outlined(read) == ways.ordinary(read)
    assert ways.outlined(read.replace(b"Status></", b"Status> </")) is None


def test_mutants_of_published_requests_fare_the_same_both_ways(vectors: Path, user: Any, ways: Any) -> None:
    chance, found = random.Random(SEED), 0
    paths = sorted((vectors / "duis").glob("*REQUEST_DUIS.XML"))[::5]
    documents = [user.signer.sign(path.read_bytes()) for path in paths]
    for document in documents:
        ways.learn(document)
    for document in documents:
        for _ in range(MUTANTS):
            changed = mutant(document, chance)
            way = ways.outlined(changed)
            if way is not None:
                found += 1
                assert way == ways.ordinary(changed), changed
    assert found > 100


def test_documents_longer_than_needs_no_counting_take_the_ordinary_way(signed: bytes, ways: Any) -> None:
    ways.outlines = Outlines(Limits(octets=len(signed) - 1))
    ways.learn(signed)

    assert ways.outlines.find(signed) is None


def test_a_document_that_is_not_canonical_is_not_learnt(request_document: bytes, user: Any, ways: Any) -> None:
    root = parse_document(request_document)
    signed = user.signer.sign_canonical(canonical(root)).replace(b"</sr:TolerancePeriod>", b"</sr:TolerancePeriod >")
    ways.learn(signed)

    assert isinstance(ways.ordinary(signed), tuple)
    assert ways.outlines.find(signed) is None
