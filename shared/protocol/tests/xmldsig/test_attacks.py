"""Documents made to be accepted for what they are not: wrapping, confusion, splitting."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from dccemu_protocol.duis import parse_document
from dccemu_protocol.duis.canonical import canonical
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.xmldsig import VerifiedDocument, verify

SR = "{http://www.dccinterface.co.uk/ServiceUserGateway}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
Element = etree._Element


def evil_of(root: Element) -> Element:
    """The document an attacker would like to be believed: another tolerance, no signature."""
    evil = copy.deepcopy(root)
    evil.remove(evil.find(f"{DS}Signature"))  # type: ignore[arg-type]
    evil.find(f".//{SR}TolerancePeriod").text = "86400"  # type: ignore[union-attr]
    return evil


def split(root: Element) -> tuple[Element, Element]:
    """The signed document without its Signature, and the Signature."""
    original = copy.deepcopy(root)
    signature = original.find(f"{DS}Signature")
    assert signature is not None
    original.remove(signature)
    return original, signature


def xsw1(root: Element) -> Element:
    """Evil root; Signature is its child and holds the original."""
    original, signature = split(root)
    evil = evil_of(root)
    signature.append(original)
    evil.append(signature)
    return evil


def xsw2(root: Element) -> Element:
    """Evil root with the original and its Signature side by side."""
    original, signature = split(root)
    evil = evil_of(root)
    evil.append(original)
    evil.append(signature)
    return evil


def xsw3(root: Element) -> Element:
    """A new root: evil Header and Body first, then the original inside, Signature last."""
    original, signature = split(root)
    evil = evil_of(root)
    evil.insert(0, original)
    evil.append(signature)
    return evil


def xsw4(root: Element) -> Element:
    """Evil document that wraps the whole signed one."""
    evil = evil_of(root)
    evil.append(copy.deepcopy(root))
    return evil


def xsw5(root: Element) -> Element:
    """The original moved to the end, after the Signature."""
    original, signature = split(root)
    evil = evil_of(root)
    evil.append(signature)
    evil.append(original)
    return evil


def xsw6(root: Element) -> Element:
    """The original inside the Signature's KeyInfo."""
    original, signature = split(root)
    evil = evil_of(root)
    signature.find(f"{DS}KeyInfo").append(original)  # type: ignore[union-attr]
    evil.append(signature)
    return evil


def xsw7(root: Element) -> Element:
    """The original in an element of its own before the Signature."""
    original, signature = split(root)
    evil = evil_of(root)
    etree.SubElement(evil, f"{SR}Extensions").append(original)
    evil.append(signature)
    return evil


def xsw8(root: Element) -> Element:
    """The original in an Object inside the Signature."""
    original, signature = split(root)
    evil = evil_of(root)
    etree.SubElement(signature, f"{DS}Object").append(original)
    evil.append(signature)
    return evil


def verified(document: bytes, keys: Any) -> VerifiedDocument:
    """Verify a document, its Signature read from the tree and from the octets: both end alike."""
    one, other = (_outcome(document, keys, octets) for octets in (None, document))
    if isinstance(one, ProtocolError):
        assert isinstance(other, ProtocolError)
        assert (one.rule, one.detail) == (other.rule, other.detail)
        raise one
    assert isinstance(other, VerifiedDocument)
    assert (one.issuer, one.serial, canonical(one.root)) == (other.issuer, other.serial, canonical(other.root))
    return one


def _outcome(document: bytes, keys: Any, octets: bytes | None) -> VerifiedDocument | ProtocolError:
    try:
        return verify(parse_document(document), keys, octets)
    except ProtocolError as error:
        return error


@pytest.mark.parametrize("wrap", [xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8])
def test_a_wrapped_signature_is_refused(signed: bytes, keys: Any, wrap: Callable[[Element], Element]) -> None:
    attack = etree.tostring(wrap(parse_document(signed)))

    with pytest.raises(ProtocolError, match="SIGNATURE_"):
        verified(attack, keys)


def refuse(root: Element, keys: Any, *rules: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        verified(etree.tostring(root), keys)
    assert caught.value.rule in rules
    assert caught.value.source == "duis.md 7"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<!--", b"-->"),
        (b"<![CDATA[", b"]]>"),
        (b"<sr:Extension>", b"</sr:Extension>"),
        (b"", b"<!-- -->"),
        (b"<!--", b"--></sr:Request><!-- </sr:Request> -->"),
    ],
)
def test_what_only_looks_like_the_last_child_is_read_as_the_parser_reads_it(
    signed: bytes, keys: Any, before: bytes, after: bytes
) -> None:
    at, end = signed.index(b"<ds:Signature "), signed.index(b"</sr:Request>")
    evil = signed[:at].replace(b">60<", b">86400<")

    for attack in (
        evil + before + signed[at:end] + after + b"</sr:Request>",
        evil + before + signed[at:] + after,
        evil + b"</sr:Request>" + before + signed[at:] + after,
    ):
        with pytest.raises(ProtocolError):
            verified(attack, keys)


def test_an_unsigned_document_is_refused(request_document: bytes, keys: Any) -> None:
    refuse(parse_document(request_document), keys, "SIGNATURE_MISSING")


def test_two_signatures_are_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    root.append(copy.deepcopy(root[-1]))

    refuse(root, keys, "SIGNATURE_REPEATED")


def test_a_signature_that_is_not_the_last_child_is_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    root.insert(0, root[-1])

    refuse(root, keys, "SIGNATURE_MISPLACED")


def test_a_signature_inside_the_body_is_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    root[1].append(root[-1])

    refuse(root, keys, "SIGNATURE_MISPLACED")


ALGORITHMS = [
    ("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
    ("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    ("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
    ("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"),
    ("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
    ("SignatureMethod", ""),
    ("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
    ("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha512"),
    ("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    ("CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
    ("Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    ("Transform", "http://www.w3.org/TR/1999/REC-xpath-19991116"),
    ("Transform", "http://www.w3.org/2000/09/xmldsig#base64"),
    ("Transform", "http://www.w3.org/2001/10/xml-exc-c14n#"),
]


@pytest.mark.parametrize(("element", "algorithm"), ALGORITHMS)
def test_any_other_algorithm_is_refused(signed: bytes, keys: Any, element: str, algorithm: str) -> None:
    root = parse_document(signed)
    root.find(f".//{DS}{element}").set("Algorithm", algorithm)  # type: ignore[union-attr]

    refuse(root, keys, "SIGNATURE_PROFILE")


@pytest.mark.parametrize("uri", ["#id", "#xpointer(/)", "http://127.0.0.1/", "file:///etc/hostname", " "])
def test_any_other_reference_is_refused(signed: bytes, keys: Any, uri: str) -> None:
    root = parse_document(signed)
    root.find(f".//{DS}Reference").set("URI", uri)  # type: ignore[union-attr]

    refuse(root, keys, "SIGNATURE_PROFILE")


def test_two_references_are_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    reference = root.find(f".//{DS}Reference")
    assert reference is not None
    reference.addnext(copy.deepcopy(reference))

    refuse(root, keys, "SIGNATURE_PROFILE")


def test_two_transforms_are_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    transform = root.find(f".//{DS}Transform")
    assert transform is not None
    transform.addnext(copy.deepcopy(transform))

    refuse(root, keys, "SIGNATURE_PROFILE")


@pytest.mark.parametrize("name", ["KeyValue", "X509Certificate", "KeyName", "RetrievalMethod"])
def test_a_key_inside_the_message_is_refused(signed: bytes, keys: Any, name: str) -> None:
    root = parse_document(signed)
    etree.SubElement(root.find(f".//{DS}KeyInfo"), f"{DS}{name}").text = "AAAA"  # type: ignore[arg-type]

    refuse(root, keys, "SIGNATURE_PROFILE")


@pytest.mark.parametrize("name", ["Id", "{urn:x}y"])
def test_an_attribute_more_is_refused(signed: bytes, keys: Any, name: str) -> None:
    root = parse_document(signed)
    root[-1].set(name, "x")

    refuse(root, keys, "SIGNATURE_PROFILE")


@pytest.mark.parametrize("serial", ["", "0x10", "-5", "1e5", "\u0661", "1" * 51, "1 2"])
def test_a_serial_number_that_is_none_is_refused(signed: bytes, keys: Any, serial: str) -> None:
    root = parse_document(signed)
    root.find(f".//{DS}X509SerialNumber").text = serial  # type: ignore[union-attr]

    refuse(root, keys, "SIGNATURE_PROFILE")


def test_an_unknown_serial_number_is_refused(signed: bytes, keys: Any) -> None:
    root = parse_document(signed)
    root.find(f".//{DS}X509SerialNumber").text = "12345"  # type: ignore[union-attr]

    refuse(root, keys, "SIGNATURE_SIGNER_UNKNOWN")


def test_a_comment_does_not_split_a_value(signed: bytes, keys: Any) -> None:
    attack = signed.replace(b">60<", b">6<!-- x -->0<")

    root = verified(attack, keys).root

    assert root.findtext(f".//{SR}TolerancePeriod") == "60"


def test_a_comment_cannot_hide_the_rest_of_a_value(user: Any, keys: Any, request_document: bytes) -> None:
    signed = user.signer.sign(request_document.replace(b">60<", b">60<!-- x -->00<"))

    root = verified(signed, keys).root

    assert root.findtext(f".//{SR}TolerancePeriod") == "6000"


def test_cdata_reads_as_the_text_it_is(signed: bytes, keys: Any) -> None:
    attack = signed.replace(b">60<", b"><![CDATA[60]]><")

    root = verified(attack, keys).root

    assert root.findtext(f".//{SR}TolerancePeriod") == "60"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', b""),
        (b"<sr:Body>", b'<sr:Body xmlns:x="urn:x">'),
        (b":1000<", b":1000 <"),
        (b">60<", b">&#13;60<"),
    ],
)
def test_what_changes_the_canonical_form_is_refused(signed: bytes, keys: Any, old: bytes, new: bytes) -> None:
    changed = signed.replace(old, new, 1)
    assert changed != signed

    with pytest.raises(ProtocolError, match="SIGNATURE_DIGEST"):
        verified(changed, keys)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'schemaVersion="5.4"', b"schemaVersion='5.4'"),
        (b"<sr:Body>", b"<sr:Body >"),
        (b">60<", b">&#x36;0<"),
        (b"</sr:Request>", b"</sr:Request>\n"),
    ],
)
def test_what_leaves_the_canonical_form_alone_verifies(signed: bytes, keys: Any, old: bytes, new: bytes) -> None:
    changed = signed.replace(old, new, 1)
    assert changed != signed

    assert verified(changed, keys)
