"""The fixed signature profile of duis.md section 7: what is accepted, and what is refused and why."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_protocol.duis import parse_document, read_request
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import keystore
from dccemu_protocol.xmldsig import XMLSigner, same_name, sign, verify

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
VALUE = re.compile(rb"(<ds:SignatureValue>)([^<]*)(</ds:SignatureValue>)")


def refusal(document: bytes, keys: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        verify(parse_document(document), keys)
    with pytest.raises(ProtocolError) as again:
        verify(parse_document(document), keys, document)
    assert again.value.rule == caught.value.rule
    return caught.value.rule


def with_value(document: bytes, octets: bytes) -> bytes:
    return VALUE.sub(lambda found: found[1] + base64.b64encode(octets) + found[3], document)


def value_of(document: bytes) -> bytes:
    found = VALUE.search(document)
    assert found is not None
    return base64.b64decode(found[2])


def test_what_we_sign_we_verify_and_get_back_without_the_signature(signed: bytes, user: Any, keys: Any) -> None:
    verified = verify(parse_document(signed), keys, signed)

    assert [child.tag.rpartition("}")[2] for child in verified.root] == ["Header", "Body"]
    assert verified.serial == user.signer.serial
    assert read_request(verified.root).body_name == "SynchroniseClock"


def test_signing_twice_gives_the_same_octets(request_document: bytes, user: Any) -> None:
    one = sign(request_document, user.key, "CN=Z1,OU=07", 1)

    assert one == sign(one, user.key, "CN=Z1,OU=07", 1)


def test_random_nonces_can_be_asked_for(request_document: bytes, user: Any, keys: Any) -> None:
    signer = XMLSigner(user.key, user.signer.issuer, user.signer.serial, deterministic=False)
    one, other = signer.sign(request_document), signer.sign(request_document)

    assert one != other
    verify(parse_document(one), keys, one)
    verify(parse_document(other), keys, other)


def test_a_placeholder_signature_with_a_comment_is_replaced(request_document: bytes, user: Any, keys: Any) -> None:
    placeholder = (
        b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n <!-- not for use -->\n <ds:SignedInfo/>'
        b"</ds:Signature></sr:Request>"
    )
    signed = user.signer.sign(request_document.replace(b"</sr:Request>", placeholder))

    assert b"not for use" not in signed
    assert b">\n" not in signed
    verify(parse_document(signed), keys, signed)


def test_a_document_signed_with_white_space_between_elements_verifies(
    request_document: bytes, keys: Any, user: Any
) -> None:
    root = parse_document(request_document)
    canonical = etree.tostring(root, method="c14n")
    signed = user.signer.sign_canonical(canonical)

    assert b"\n  <sr:Header>" in signed
    assert verify(parse_document(signed), keys, signed).serial == user.signer.serial


@pytest.mark.parametrize(
    "issuer", ["CN=Z1,OU=07", "CN=Z1, OU=07", "cn=z1,ou=07", "OU=07, CN=Z1", "2.5.4.3=Z1,OU=07", 'CN="Z1";OU=07']
)
def test_the_issuer_is_compared_as_a_name(request_document: bytes, user: Any, keys: Any, issuer: str) -> None:
    signed = XMLSigner(user.key, issuer, user.signer.serial).sign(request_document)

    assert verify(parse_document(signed), keys, signed).issuer == issuer


@pytest.mark.parametrize("issuer", ["CN=Z2,OU=07", "CN=Z1", "CN=Z1,OU=07,O=x", "CN=Z1+OU=07", "CN=Z1\\,OU=07", ""])
def test_another_issuer_with_the_same_serial_is_another_signer(
    request_document: bytes, user: Any, keys: Any, issuer: str
) -> None:
    signed = XMLSigner(user.key, issuer, user.signer.serial).sign(request_document)

    assert refusal(signed, keys) in {"SIGNATURE_SIGNER_UNKNOWN", "SIGNATURE_PROFILE"}


def test_escapes_in_names_are_understood() -> None:
    assert same_name("CN=A\\2CB,OU=07", "OU=07,CN=A\\,B")
    assert not same_name("CN=A\\,OU=07", "CN=A,OU=07")


def test_the_key_of_another_party_is_refused(request_document: bytes, stranger: Any, user: Any, keys: Any) -> None:
    forged = XMLSigner(stranger.key, user.signer.issuer, user.signer.serial).sign(request_document)

    assert refusal(forged, keys) == "SIGNATURE_VALUE"


def test_a_key_on_another_curve_is_refused(signed: bytes, user: Any) -> None:
    class P384:
        def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey:
            return ec.derive_private_key(5, ec.SECP384R1()).public_key()

    assert refusal(signed, P384()) == "SIGNATURE_PROFILE"
    with pytest.raises(ProtocolError, match="P-256"):
        XMLSigner(ec.derive_private_key(5, ec.SECP384R1()), "CN=Z1", 1)


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER + 1, 1), (2**256 - 1, 2**256 - 1), (0, 0)]
)
def test_signature_numbers_out_of_range_are_refused(signed: bytes, keys: Any, r: int, s: int) -> None:
    assert refusal(with_value(signed, r.to_bytes(32, "big") + s.to_bytes(32, "big")), keys) == "SIGNATURE_VALUE"


@pytest.mark.parametrize("length", [0, 1, 63, 65, 70, 72, 128])
def test_a_signature_that_is_not_64_octets_is_refused(signed: bytes, keys: Any, length: int) -> None:
    octets = (value_of(signed) * 2)[:length]

    assert refusal(with_value(signed, octets), keys) == "SIGNATURE_PROFILE"


def test_r_and_s_exchanged_are_refused(signed: bytes, keys: Any) -> None:
    octets = value_of(signed)

    assert refusal(with_value(signed, octets[32:] + octets[:32]), keys) == "SIGNATURE_VALUE"


def test_the_high_twin_of_a_signature_verifies_because_the_request_id_is_what_may_not_repeat(
    signed: bytes, keys: Any
) -> None:
    octets = value_of(signed)
    twin = octets[:32] + (ORDER - int.from_bytes(octets[32:], "big")).to_bytes(32, "big")

    assert verify(parse_document(with_value(signed, twin)), keys, with_value(signed, twin))


@pytest.mark.parametrize("value", [b"", b"****", b"AAAA=AAA", b"\xc3\xa9"])
def test_a_signature_that_is_not_base64_is_refused(signed: bytes, keys: Any, value: bytes) -> None:
    assert refusal(VALUE.sub(rb"\g<1>" + value + rb"\g<3>", signed), keys) == "SIGNATURE_PROFILE"


def test_line_breaks_in_the_signature_value_are_allowed(signed: bytes, keys: Any) -> None:
    octets = base64.b64encode(value_of(signed))
    broken = VALUE.sub(lambda found: found[1] + octets[:76] + b"&#13;\n" + octets[76:] + b"\n" + found[3], signed)

    assert verify(parse_document(broken), keys, broken)


@pytest.mark.parametrize("name", ["readfw-response.xml"])
def test_the_published_signed_responses_verify(vectors: Path, name: str) -> None:
    published = keystore.load(vectors / "keystore.json")

    verified = verify(parse_document((vectors / "duis" / name).read_bytes()), published)

    assert verified.root.tag.endswith("}Response")


def test_all_published_templates_can_be_signed_and_verified(vectors: Path, user: Any, keys: Any) -> None:
    for template in sorted((vectors / "duis").glob("*REQUEST_DUIS.XML")):
        verified = verify(parse_document(user.signer.sign(template.read_bytes())), keys)
        assert read_request(verified.root).request_id.counter >= 0
