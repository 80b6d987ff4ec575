"""Two independent implementations agree with both halves of ours: ``signxml`` and the ``xmlsec1`` command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier
from signxml.exceptions import InvalidDigest, InvalidInput, InvalidSignature

from dccemu_protocol.duis import parse_document
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.xmldsig import verify

DS = "{http://www.w3.org/2000/09/xmldsig#}"
ALTERATIONS = [
    (b">60<", b">61<"),
    (b":1000<", b":1001<"),
    (b'schemaVersion="5.4"', b'schemaVersion="5.3"'),
    (b"<sr:Header>", b"<sr:Header> "),
]

needs_xmlsec1 = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="the xmlsec1 command is not installed")


def signxml_verify(document: bytes, certificate: x509.Certificate) -> Any:
    configuration = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    return XMLVerifier().verify(document, x509_cert=certificate, expect_config=configuration)


def xmlsec1(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["xmlsec1", *arguments], capture_output=True, timeout=30, check=False)


def xmlsec1_accepts(document: bytes, key: ec.EllipticCurvePublicKey, folder: Path) -> bool:
    (folder / "document.xml").write_bytes(document)
    (folder / "key.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    result = xmlsec1("--verify", "--pubkey-pem", str(folder / "key.pem"), str(folder / "document.xml"))
    return result.returncode == 0


def test_signxml_accepts_what_we_sign(signed: bytes, user: Any) -> None:
    result = signxml_verify(signed, user.certificate)

    assert result.signed_xml.findtext(".//{*}TolerancePeriod") == "60"


@pytest.mark.parametrize(("old", "new"), ALTERATIONS)
def test_signxml_refuses_what_was_altered_and_so_do_we(
    signed: bytes, user: Any, keys: Any, old: bytes, new: bytes
) -> None:
    altered = signed.replace(old, new, 1)

    with pytest.raises((InvalidDigest, InvalidSignature, InvalidInput)):
        signxml_verify(altered, user.certificate)
    with pytest.raises(ProtocolError, match="SIGNATURE_DIGEST"):
        verify(parse_document(altered), keys)


@needs_xmlsec1
def test_xmlsec1_accepts_what_we_sign(signed: bytes, user: Any, tmp_path: Path) -> None:
    assert xmlsec1_accepts(signed, user.key.public_key(), tmp_path)


@needs_xmlsec1
@pytest.mark.parametrize(("old", "new"), ALTERATIONS)
def test_xmlsec1_refuses_what_was_altered(signed: bytes, user: Any, tmp_path: Path, old: bytes, new: bytes) -> None:
    assert not xmlsec1_accepts(signed.replace(old, new, 1), user.key.public_key(), tmp_path)


@needs_xmlsec1
def test_we_accept_what_xmlsec1_signs(signed: bytes, user: Any, keys: Any, tmp_path: Path) -> None:
    root = parse_document(signed)
    for name in ("DigestValue", "SignatureValue"):
        root.find(f".//{DS}{name}").text = None  # type: ignore[union-attr]
    template = tmp_path / "template.xml"
    template.write_bytes(etree.tostring(root))
    key = user.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)

    result = xmlsec1(
        "--sign", "--privkey-pem", str(tmp_path / "key.pem"), "--output", str(tmp_path / "signed.xml"), str(template)
    )
    made_by_xmlsec1 = (tmp_path / "signed.xml").read_bytes() if result.returncode == 0 else result.stderr
    verified = verify(parse_document(made_by_xmlsec1), keys)

    assert verified.root.findtext(".//{*}TolerancePeriod") == "60"
    with pytest.raises(ProtocolError, match="SIGNATURE_DIGEST"):
        verify(parse_document(made_by_xmlsec1.replace(b">60<", b">61<")), keys)


@needs_xmlsec1
def test_we_refuse_what_xmlsec1_signs_with_another_key(signed: bytes, stranger: Any, keys: Any, tmp_path: Path) -> None:
    root = parse_document(signed)
    template = tmp_path / "template.xml"
    template.write_bytes(etree.tostring(root))
    key = stranger.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)

    xmlsec1(
        "--sign", "--privkey-pem", str(tmp_path / "key.pem"), "--output", str(tmp_path / "signed.xml"), str(template)
    )

    with pytest.raises(ProtocolError, match="SIGNATURE_VALUE"):
        verify(parse_document((tmp_path / "signed.xml").read_bytes()), keys)
