"""The hardened door: what is not plain bounded UTF-8 XML does not get in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dccemu_protocol.duis import Limits, parse_document
from dccemu_protocol.errors import ProtocolError

SECRET = "the contents of a file"


def rule_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_document(data) if limits is None else parse_document(data, limits)
    return caught.value.rule


def entity_document(file: Path) -> list[bytes]:
    return [
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "{file.as_uri()}">]><a>&x;</a>'.encode(),
        f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{file.as_uri()}"> %p;]><a/>'.encode(),
        f'<!DOCTYPE a SYSTEM "{file.as_uri()}"><a/>'.encode(),
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
    ]


@pytest.mark.parametrize("number", range(7))
def test_any_document_type_declaration_is_refused(tmp_path: Path, number: int) -> None:
    (tmp_path / "secret").write_text(SECRET)

    assert rule_of(entity_document(tmp_path / "secret")[number]) == "NOT_XML"


def test_an_undeclared_entity_is_refused() -> None:
    assert rule_of(b"<a>&x;</a>") == "NOT_XML"


def test_xinclude_is_not_carried_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    include = f'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{tmp_path / "secret"}" parse="text"/></a>'

    root = parse_document(include.encode())

    assert "".join(root.itertext()) == ""
    assert root[0].tag == "{http://www.w3.org/2001/XInclude}include"


def test_billion_laughs_are_refused_at_once() -> None:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    began = time.process_time()

    assert rule_of(f'<!DOCTYPE a [<!ENTITY l0 "ha">{lines}]><a>&l11;</a>'.encode()) == "NOT_XML"
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"not xml",
        b'{"json": true}',
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a b='1' b='2'/>",
        b"<x:a/>",
        b"<a>\x00</a>",
        b"<a>\x01</a>",
        b"<a>&#0;</a>",
        b"<a>\xff\xfe</a>",
        b"<a/>trailing",
        b' <?xml version="1.0"?><a/>',
        b'<?xml version="1.1"?><a/>',
        b"<?xml?><a/>",
        b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
        b'<?xml version="1.0" encoding="UTF-8"?><a>\xe9</a>',
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        "<a/>".encode("utf-16"),
        "<a/>".encode("utf-16-be"),
        b'<?xml version="1.0"?><?php echo 1 ?><a/>',
        b"<a><?x y?></a>",
        b"<a/><?x y?>",
        b'<?xml-stylesheet href="x.xsl"?><a/>',
    ],
)
def test_what_is_not_plain_xml_is_refused(data: bytes) -> None:
    assert rule_of(data) == "NOT_XML"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf<a>1</a>",
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><a>1</a>',
        b"<?xml version='1.0' encoding='UTF-8' standalone='no' ?>\r\n<a>1</a>\n",
        b"<!-- before --><a>1</a><!-- after -->",
        b"<a>&#49;</a>",
        b"<a><![CDATA[1]]></a>",
    ],
)
def test_the_ways_to_write_plain_xml_are_read_alike(data: bytes) -> None:
    assert parse_document(data).text == "1"


def test_comments_do_not_split_text() -> None:
    root = parse_document(b"<a>1<!-- x -->2<b/>3<!-- y -->4</a>")

    assert root.text == "12"
    assert root[0].tail == "34"


def test_too_many_octets_are_refused() -> None:
    assert rule_of(b"<a>" + b"x" * 100 + b"</a>", Limits(octets=100)) == "DOCUMENT_TOO_LARGE"


@pytest.mark.parametrize("depth", [49, 300, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    data = b"<a>" * depth + b"</a>" * depth

    assert rule_of(data) in {"DOCUMENT_TOO_DEEP", "DOCUMENT_TOO_LARGE", "NOT_XML"}


def test_nesting_up_to_the_bound_is_read() -> None:
    assert parse_document(b"<a>" * 48 + b"</a>" * 48).tag == "a"


@pytest.mark.parametrize(
    "data",
    [
        b"<a " + b" ".join(b'x%d="1"' % n for n in range(1_000_000)) + b"/>",
        b"<a " + b" ".join(b'xmlns:n%d="u%d"' % (n, n) for n in range(100_000)) + b"/>",
        b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
        b"<" + b"n" * 9_000_000 + b"/>",
    ],
    ids=["attributes", "namespaces", "elements", "name"],
)
def test_floods_are_refused_quickly(data: bytes) -> None:
    began = time.process_time()

    assert rule_of(data) in {"DOCUMENT_TOO_LARGE", "NOT_XML"}
    assert time.process_time() - began < 1.0


def test_a_firmware_image_of_the_largest_size_is_read() -> None:
    text = b"A" * 13_700_000

    assert len(parse_document(b"<a>" + text + b"</a>").text or "") == len(text)


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_document(b"<a>\n<b></c></a>")

    assert "line 2" in caught.value.place
