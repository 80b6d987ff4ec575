"""Key stores: certificates with their private keys where those are published or one's own.

Two JSON forms are read and written. The *list* form is what ``--pki import`` takes: an array of objects with
``source``, ``eui64``, ``usage`` (ds, ka), ``role`` (hexadecimal), ``serial`` (decimal), ``issuer``, ``certificate``
(PEM) and ``private_scalar`` (hexadecimal). The *clients'* form is what existing client libraries exchange
(smki.md section 8.1): EUI, then ``digitalSignature`` or ``keyAgreement``, then the decimal serial.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ..errors import ProtocolError
from ..identifiers import Eui64
from ..xmldsig.names import NameKey, name_key
from .certificate import SmkiCertificate, parse_pem
from .keyid import public_point
from .names import RemotePartyRole, Usage, role_text

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one owner: a certificate, a private key, or both.

    ``source`` says where the entry came from; ``top_up`` marks a Supplier's second key agreement key, which nothing
    inside the certificate tells apart (smki.md section 2.1).
    """

    source: str
    eui: Eui64
    usage: Usage
    role: int | None
    certificate: SmkiCertificate | None
    private_key: ec.EllipticCurvePrivateKey | None
    top_up: bool = False


class Keystore:
    """Entries in order of preference: the first that fits is the one in use."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: list[Entry] = []
        self._by_name: dict[tuple[NameKey, int], Entry] = {}
        self._by_owner: dict[tuple[Eui64, Usage], list[Entry]] = {}
        self._keys: dict[bytes, ec.EllipticCurvePrivateKey] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Append an entry; its key also serves every other certificate of the same public key."""
        self._entries.append(entry)
        self._by_owner.setdefault((entry.eui, entry.usage), []).append(entry)
        if entry.certificate is not None:
            self._by_name.setdefault((name_key(entry.certificate.issuer), entry.certificate.serial), entry)
        if entry.private_key is not None:
            self._keys.setdefault(public_point(entry.private_key.public_key()), entry.private_key)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entries(
        self, eui: Eui64, usage: Usage, role: int | None = None, *, top_up: bool | None = None
    ) -> tuple[Entry, ...]:
        """The entries of an owner; ``role`` and ``top_up`` None means any."""
        return tuple(
            entry
            for entry in self._by_owner.get((eui, usage), ())
            if (role is None or entry.role == role) and (top_up is None or entry.top_up is top_up)
        )

    def certificates(
        self, eui: Eui64, usage: Usage, role: int | None = None, *, top_up: bool | None = None
    ) -> tuple[SmkiCertificate, ...]:
        """Certificates of an owner in order of preference."""
        found = (entry.certificate for entry in self.entries(eui, usage, role, top_up=top_up))
        return tuple(certificate for certificate in found if certificate is not None)

    def certificate(
        self, eui: Eui64, usage: Usage, role: int | None = None, *, top_up: bool | None = False
    ) -> SmkiCertificate | None:
        """The certificate in use. Key agreement means the ordinary one unless ``top_up`` says otherwise."""
        found = self.certificates(eui, usage, role, top_up=top_up)
        return found[0] if found else None

    def private_key(
        self, eui: Eui64, usage: Usage, role: int | None = None, *, top_up: bool | None = False
    ) -> ec.EllipticCurvePrivateKey | None:
        """The private key in use: of the first entry that has one."""
        for entry in self.entries(eui, usage, role, top_up=top_up):
            if (key := self.key_for(entry)) is not None:
                return key
        return None

    def private_keys(self, eui: Eui64, usage: Usage) -> tuple[ec.EllipticCurvePrivateKey, ...]:
        """Every private key of an owner and usage, without repeats, in order of preference."""
        found = (self.key_for(entry) for entry in self.entries(eui, usage))
        return tuple({public_point(key.public_key()): key for key in found if key is not None}.values())

    def key_for(self, entry: Entry) -> ec.EllipticCurvePrivateKey | None:
        """The private key of an entry, its own or that of another entry with the same public key."""
        if entry.private_key is not None or entry.certificate is None:
            return entry.private_key
        return self._keys.get(entry.certificate.point)

    def key_of(self, certificate: SmkiCertificate) -> ec.EllipticCurvePrivateKey | None:
        """The private key that belongs to a certificate, from this store or not."""
        return self._keys.get(certificate.point)

    def by_issuer_serial(self, issuer: str, serial: int) -> SmkiCertificate | None:
        """The certificate of an issuer (any spelling of the name) and serial.

        Raises
        ------
        ProtocolError
            ``SIGNATURE_PROFILE`` when the issuer is not a distinguished name.
        """
        entry = self._by_name.get((name_key(issuer), serial))
        return entry.certificate if entry else None

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        """The public key for an XML signature's issuer and serial (the ``SignerKeys`` port of ``xmldsig``)."""
        certificate = self.by_issuer_serial(issuer, serial)
        return certificate.public_key if certificate else None

    def xml_signer(self, eui: Eui64) -> tuple[ec.EllipticCurvePrivateKey, SmkiCertificate] | None:
        """Key and certificate with which this party signs DUIS: role 135 for a User, 137 for the DCC."""
        for role in (RemotePartyRole.XML_SIGNING, RemotePartyRole.DSP_XML_SIGNING):
            for entry in self.entries(eui, Usage.DIGITAL_SIGNATURE, role):
                key = self.key_for(entry)
                if key is not None and entry.certificate is not None:
                    return key, entry.certificate
        return None


def load(source: Path | str | bytes) -> Keystore:
    """Read a key store of either JSON form: a file (Path) or its text.

    Raises
    ------
    ProtocolError
        ``BAD_KEYSTORE`` when it is neither form; ``CERTIFICATE_UNREADABLE`` for a bad certificate in it.
    """
    text = source.read_bytes() if isinstance(source, Path) else source
    try:
        document: _Json = json.loads(text)
    except ValueError as error:
        raise _bad(f"not JSON: {error}") from None
    if isinstance(document, list):
        return Keystore(_list_entry(item, place) for place, item in enumerate(document))
    if isinstance(document, dict):
        return Keystore(_client_entries(document))
    raise _bad("neither a list of entries nor an object keyed by EUI")


def save(store: Keystore) -> str:
    """Write the list form."""
    return json.dumps([_list_item(store, entry) for entry in store], indent=1)


def save_for_clients(store: Keystore) -> str:
    """Write the clients' form: only entries that have both certificate and key have a place in it."""
    document: dict[str, dict[str, dict[str, dict[str, str | int]]]] = {}
    for entry in store:
        key = store.key_for(entry)
        if entry.certificate is None or key is None:
            continue
        item: dict[str, str | int] = {
            "certificate": entry.certificate.pem,
            "privateKey": private_pem(key),
            "name": entry.source,
        }
        if entry.role is not None:
            item["role"] = entry.role
        usages = document.setdefault(entry.eui.hex, {})
        usages.setdefault(entry.usage.value, {})[str(entry.certificate.serial)] = item
    return json.dumps(document, indent=1)


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """PKCS#8 PEM without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_of_scalar(text: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key from its value in hexadecimal."""
    try:
        return ec.derive_private_key(int(text, 16), ec.SECP256R1())
    except ValueError as error:
        raise _bad(f"private_scalar: {error}") from None


def is_top_up_name(source: str) -> bool:
    """Whether a source's name marks a top-up certificate (``Z1-supplierPP-ka``, ``…-pp-ka``)."""
    return source.lower().endswith("pp-ka")


def _list_entry(item: _Json, place: int) -> Entry:
    if not isinstance(item, dict):
        raise _bad(f"entry {place} is not an object")
    pem = _optional(item, "certificate", place)
    scalar = _optional(item, "private_scalar", place)
    role = _optional(item, "role", place)
    source = _optional(item, "source", place) or f"entry {place}"
    certificate = parse_pem(pem) if pem else None
    usage = Usage.of(_optional(item, "usage", place) or (certificate.usage.value if certificate else ""))
    owner = _optional(item, "eui64", place)
    if certificate is not None and certificate.eui is not None:
        eui = certificate.eui
    elif owner is not None:
        eui = Eui64.from_hex(owner)
    else:
        raise _bad(f"entry {place} has no owner")
    if certificate is not None:
        number = certificate.role
    else:
        number = int(role, 16) if role else None
    return Entry(
        source, eui, usage, number, certificate, key_of_scalar(scalar) if scalar else None, is_top_up_name(source)
    )


def _list_item(store: Keystore, entry: Entry) -> dict[str, str | None]:
    certificate = entry.certificate
    key = store.key_for(entry)
    return {
        "source": entry.source,
        "eui64": entry.eui.hex,
        "usage": entry.usage.short.lower(),
        "role": None if entry.role is None else role_text(entry.role),
        "serial": str(certificate.serial) if certificate else None,
        "issuer": certificate.issuer if certificate else None,
        "certificate": certificate.pem if certificate else None,
        "private_scalar": f"{key.private_numbers().private_value:064x}" if key else None,
    }


def _client_entries(document: dict[str, _Json]) -> Iterator[Entry]:
    for owner, usages in document.items():
        eui = Eui64.from_hex(owner)
        if not isinstance(usages, dict):
            raise _bad(f"{owner} holds no usages")
        for usage_text, serials in usages.items():
            usage = Usage.of(usage_text)
            if not isinstance(serials, dict):
                raise _bad(f"{owner} {usage_text} holds no serials")
            for serial, item in serials.items():
                yield _client_entry(eui, usage, serial, item)


def _client_entry(eui: Eui64, usage: Usage, serial: str, item: _Json) -> Entry:
    if not isinstance(item, dict):
        raise _bad(f"{eui} {serial} is not an object")
    pem, key_pem, name = item.get("certificate"), item.get("privateKey"), item.get("name")
    if not isinstance(pem, str):
        raise _bad(f"{eui} {serial} has no certificate")
    certificate = parse_pem(pem)
    key = _private_key(key_pem) if isinstance(key_pem, str) and key_pem else None
    source = name if isinstance(name, str) else f"{eui.hex}-{usage.short.lower()}"
    return Entry(source, eui, usage, certificate.role, certificate, key, is_top_up_name(source))


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _bad(f"privateKey: {str(error)[:100]}") from None
    return check_key(key)


def check_key(key: object) -> ec.EllipticCurvePrivateKey:
    """Refuse a private key that is not on P-256.

    Raises
    ------
    ProtocolError
        ``BAD_KEYSTORE``.
    """
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad("the private key is not on P-256")
    return key


def _optional(item: dict[str, _Json], name: str, place: int) -> str | None:
    value = item.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _bad(f"entry {place}: {name} is not text")


def _bad(detail: str) -> ProtocolError:
    return ProtocolError("BAD_KEYSTORE", detail, source="smki.md section 8.1")
