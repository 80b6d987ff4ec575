"""Key stores as files: both JSON forms, PEM with PKCS#8, PKCS#12."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    load_key_and_certificates,
    serialize_key_and_certificates,
)

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, Usage, keystore, parse, parse_pem


class Form(StrEnum):
    """How a key store is written."""

    LIST = "list"
    CLIENTS = "clients"
    PEM = "pem"
    PKCS12 = "pkcs12"


def write(store: Keystore, out: Path, form: Form, password: str = "") -> list[Path]:
    """Write a key store: one JSON file, or a file for each certificate in a folder."""
    if form is Form.LIST or form is Form.CLIENTS:
        text = keystore.save(store) if form is Form.LIST else keystore.save_for_clients(store)
        path = out if out.suffix == ".json" else out / "keystore.json"
        return [write_private(path, text.encode())]
    written: list[Path] = []
    for entry in store:
        name = entry.source.rpartition("/")[2]
        key = store.key_for(entry)
        if form is Form.PKCS12:
            if entry.certificate is not None and key is not None:
                certificate = x509.load_der_x509_certificate(entry.certificate.der)
                octets = serialize_key_and_certificates(name.encode(), key, certificate, None, _encryption(password))
                written.append(write_private(out / f"{name}.p12", octets))
            continue
        if entry.certificate is not None:
            written.append(write_private(out / f"{name}.pem", entry.certificate.pem.encode()))
        if key is not None:
            written.append(write_private(out / f"{name}.key", keystore.private_pem(key).encode()))
    return written


def read(path: Path, password: str = "") -> Keystore:
    """Read a JSON file of either form, a PKCS#12 file, or a folder of PEM (``name.pem`` with ``name.key``) and PKCS#12.

    Raises
    ------
    ProtocolError
        ``BAD_KEYSTORE`` or ``CERTIFICATE_UNREADABLE``.
    """
    if path.is_dir():
        made = Keystore()
        for file in sorted(path.glob("*.pem")):
            made.add(_pem_entry(file))
        for file in sorted(path.glob("*.p12")):
            made.add(_pkcs12_entry(file, password))
        return made
    if path.suffix in (".p12", ".pfx"):
        return Keystore([_pkcs12_entry(path, password)])
    return keystore.load(path)


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    partial.replace(path)
    return path


def _encryption(password: str) -> KeySerializationEncryption:
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()


def _pem_entry(path: Path) -> Entry:
    certificate = parse_pem(path.read_bytes())
    key_file = path.with_suffix(".key")
    key = keystore.check_key(load_pem_private_key(key_file.read_bytes(), None)) if key_file.exists() else None
    owner = certificate.eui or Eui64(bytes(8))
    return Entry(
        path.stem, owner, certificate.usage, certificate.role, certificate, key, keystore.is_top_up_name(path.stem)
    )


def _pkcs12_entry(path: Path, password: str) -> Entry:
    try:
        key, certificate, _ = load_key_and_certificates(path.read_bytes(), password.encode() or None)
    except ValueError as error:
        raise ProtocolError("BAD_KEYSTORE", f"{path.name}: {error}") from None
    if certificate is None or key is None:
        raise ProtocolError("BAD_KEYSTORE", f"{path.name} does not hold a key with its certificate")
    read_certificate = parse(certificate.public_bytes(Encoding.DER))
    owner = read_certificate.eui or Eui64(bytes(8))
    usage = Usage(read_certificate.usage)
    return Entry(
        path.stem,
        owner,
        usage,
        read_certificate.role,
        read_certificate,
        keystore.check_key(key),
        keystore.is_top_up_name(path.stem),
    )
