"""Certificate Signing Requests (smki.md section 4): what is read, and by which rule the rest is refused."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage, csr, profiles
from dccemu_protocol.pki.subjects import EMPTY_SUBJECT, organisation_subject

KEY = ec.derive_private_key(4711, ec.SECP256R1())
EUI = Eui64.from_hex("90B3D51F30010000")
DEVICE = Eui64.from_hex("00DB1234567890A4")


def refusal(der: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        csr.read(der)
    return caught.value.rule


def built(subject: x509.Name, *extensions: x509.ExtensionType, key: object = KEY) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        request = request.add_extension(extension, critical=False)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


def test_what_an_organisation_asks_for_is_read_back() -> None:
    read = csr.read(csr.build_organisation_csr(KEY, EUI, 2, Usage.KEY_AGREEMENT, "EXAMPLE"))

    assert (read.kind, read.eui, read.role, read.usage, read.common_name) == (
        Kind.ORGANISATION,
        EUI,
        2,
        Usage.KEY_AGREEMENT,
        "EXAMPLE",
    )


def test_what_a_device_asks_for_is_read_back() -> None:
    read = csr.read(csr.build_device_csr(KEY, DEVICE, Usage.DIGITAL_SIGNATURE, "1.2.3"))

    assert (read.kind, read.eui, read.usage, read.hardware_type) == (
        Kind.DEVICE,
        DEVICE,
        Usage.DIGITAL_SIGNATURE,
        "1.2.3",
    )


def test_the_request_that_a_published_meter_answers_to_6_17_is_read(vectors: Path) -> None:
    found = sorted(vectors.glob("rtds/*CS02c*/*SUCCESS_RESPONSE_GBCS.HEX"))
    if not found:
        pytest.skip("the CS02c vector is not among the open ones")
    octets = bytes.fromhex(found[0].read_text().strip())
    start = next(
        m.start()
        for m in re.finditer(rb"\x30\x82", octets)
        if b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e" in octets[m.start() :]
    )
    length = int.from_bytes(octets[start + 2 : start + 4], "big") + 4

    assert csr.read(octets[start : start + length]).kind is Kind.DEVICE


def test_broken_octets_and_other_keys_are_refused_by_name() -> None:
    good = csr.build_device_csr(KEY, DEVICE, Usage.KEY_AGREEMENT)
    usage = profiles.key_usage(Usage.KEY_AGREEMENT)
    name = profiles.hardware_alternative_name(DEVICE)

    assert refusal(b"") == "CSR_UNREADABLE"
    assert refusal(good[:-1]) == "CSR_UNREADABLE"
    assert refusal(good + b"\0") == "CSR_UNREADABLE"
    assert refusal(b"\x30" * 5000) == "CSR_TOO_LONG"
    assert refusal(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]) == "CSR_SIGNATURE"
    assert refusal(built(EMPTY_SUBJECT, usage, name, key=ec.generate_private_key(ec.SECP384R1()))) == "CSR_KEY"
    assert refusal(built(EMPTY_SUBJECT, usage, name, key=rsa.generate_private_key(65537, 2048))) == "CSR_KEY"


def test_contents_outside_the_profile_are_refused_by_name() -> None:
    usage = profiles.key_usage(Usage.KEY_AGREEMENT)
    name = profiles.hardware_alternative_name(DEVICE)
    subject = organisation_subject(EUI, 2)

    assert refusal(built(EMPTY_SUBJECT, name)) == "CSR_USAGE"
    assert refusal(built(EMPTY_SUBJECT, profiles.key_usage(Usage.CERTIFICATE_SIGNING), name)) == "CSR_USAGE"
    assert refusal(built(EMPTY_SUBJECT, usage)) == "CSR_EXTENSION"
    assert refusal(built(EMPTY_SUBJECT, usage, x509.SubjectAlternativeName([x509.DNSName("a")]))) == "CSR_EXTENSION"
    assert refusal(built(subject, usage, name)) == "CSR_EXTENSION"
    assert refusal(built(subject, usage, x509.BasicConstraints(True, None))) == "CSR_EXTENSION"
    assert refusal(built(x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "GB")]), usage)) == "CSR_SUBJECT"
    assert refusal(built(organisation_subject(EUI, 2, "A LONG TRADING NAME"), usage)) == "CSR_SUBJECT"


@pytest.mark.parametrize("marker", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("width", [64, 76, 4000])
def test_the_portal_takes_every_text_form(marker: str, end: str, width: int) -> None:
    der = csr.build_device_csr(KEY, DEVICE, Usage.KEY_AGREEMENT)
    text = base64.b64encode(der).decode()
    lines = end.join(text[place : place + width] for place in range(0, len(text), width))

    assert csr.decode_portal_text(lines.encode()) == der
    assert (
        csr.decode_portal_text(f"-----BEGIN {marker}-----{end}{lines}{end}-----END {marker}-----{end}".encode()) == der
    )


def test_web_services_take_bare_base64_only() -> None:
    text = base64.b64encode(csr.build_device_csr(KEY, DEVICE, Usage.KEY_AGREEMENT))
    latin = b"-----BEGIN CERTIFICATE REQUEST-----\n" + "\xe9".encode("latin-1") + text

    csr.decode_service_text(text)
    for bad in (text[:64] + b"\n" + text[64:], latin, b"", b"====", text[:-1] + b"*"):
        with pytest.raises(ProtocolError, match="CSR_UNREADABLE"):
            csr.decode_service_text(bad)
    with pytest.raises(ProtocolError, match="CSR_UNREADABLE"):
        csr.decode_portal_text(latin)


@given(st.binary(max_size=400))
def test_no_octets_make_the_reader_fail_otherwise(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        csr.read(data)


@given(st.integers(0, 276), st.integers(1, 255))
def test_no_flipped_octet_makes_the_reader_fail_otherwise(place: int, change: int) -> None:
    good = bytearray(csr.build_device_csr(KEY, DEVICE, Usage.KEY_AGREEMENT))
    good[min(place, len(good) - 1)] ^= change
    with pytest.raises(ProtocolError):
        csr.read(bytes(good))
