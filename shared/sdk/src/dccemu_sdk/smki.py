"""The SMKI repository as clients use it: find certificates by owner, fetch one by serial (smki.md section 8.1)."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Sequence
from xml.sax.saxutils import escape

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_protocol.duis import parse_document
from dccemu_protocol.gbcs.keysource import KeystoreKeys
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, SmkiCertificate, Usage, parse
from dccemu_protocol.xmldsig import name_key

from .errors import GatewayError

_NOTHING_FOUND = 402
_DCC_SIGNERS = (RemotePartyRole.DSP_XML_SIGNING, RemotePartyRole.ACCESS_CONTROL_BROKER)


class Repository:
    """Searches and fetches; every certificate once."""

    def __init__(self, url: str, *, api_key: str = "dccemu", timeout: float = 4.0) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        self._api_key = api_key
        self._by_serial: dict[int, SmkiCertificate | None] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        self._client.close()

    def _post(self, service: str, body: str) -> etree._Element | None:
        reply = self._client.post(
            f"/services/{service}",
            params={"apikey": self._api_key},
            content=f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode(),
            headers={"Content-Type": "application/xml"},
        )
        if reply.status_code == _NOTHING_FOUND:
            return None
        if reply.status_code != httpx.codes.OK:
            raise GatewayError(reply.status_code, reply.text[:200])
        return parse_document(reply.content)

    def serials(self, eui: Eui64, usage: Usage | None = None, *, is_device: bool) -> list[int]:
        """Serial numbers of the certificates in use of one owner."""
        element = "CertificateSubjectAltName" if is_device else "CertificateSubjectName"
        body = f"<CertificateSearchRequest><{element}>{escape(str(eui))}</{element}></CertificateSearchRequest>"
        root = self._post("certificatesearch", body)
        found = [] if root is None else root.findall("Result")
        return [
            int(result.findtext("CertificateSerial", "0"), 16)
            for result in found
            if result.findtext("CertificateStatus") == "I"
            and (usage is None or result.findtext("CertificateUsage") == usage.short)
        ]

    def certificate(self, serial: int) -> SmkiCertificate | None:
        """Fetch a certificate by serial number."""
        with self._lock:
            if serial in self._by_serial:
                return self._by_serial[serial]
        body = f"<CertificateDataRequest><CertificateSerial>{serial:032X}</CertificateSerial></CertificateDataRequest>"
        root = self._post("retrievecertificate", body)
        text = "" if root is None else root.findtext("CertificateResponse/CertificateBody", "")
        found = parse(b64decode("".join(text.split()))) if text.strip() else None
        with self._lock:
            self._by_serial[serial] = found
        return found

    def certificates(self, eui: Eui64, usage: Usage, *, is_device: bool) -> list[SmkiCertificate]:
        """The certificates in use of one owner."""
        found = (self.certificate(serial) for serial in self.serials(eui, usage, is_device=is_device))
        return [certificate for certificate in found if certificate is not None]


class DCCSigners:
    """Whom a User believes to be the DCC: certificates of role 137 or 04, from the key store or the repository."""

    def __init__(self, store: Keystore | None, repository: Repository | None = None) -> None:
        self._store = store
        self._repository = repository

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        """The public key of a DCC signer (port ``SignerKeys`` of ``xmldsig``)."""
        certificate = None if self._store is None else self._store.by_issuer_serial(issuer, serial)
        if certificate is None and self._repository is not None:
            certificate = self._repository.certificate(serial)
        if certificate is None or name_key(certificate.issuer) != name_key(issuer):
            return None
        return certificate.public_key if certificate.role in _DCC_SIGNERS else None


class Directory:
    """Keys for reading GBCS messages: the key store first, then the repository (port ``KeySource`` of ``gbcs``)."""

    def __init__(self, store: Keystore, repository: Repository | None = None) -> None:
        self._known = KeystoreKeys(store)
        self._repository = repository
        self._fetched: dict[tuple[Eui64, Usage], tuple[SmkiCertificate, ...]] = {}

    def _fetch(self, eui: Eui64, usage: Usage) -> tuple[SmkiCertificate, ...]:
        found = self._fetched.get((eui, usage))
        if found is None and self._repository is not None:
            certificates = self._repository.certificates(eui, usage, is_device=True)
            certificates += self._repository.certificates(eui, usage, is_device=False)
            found = self._fetched[eui, usage] = tuple(certificates)
        return found or ()

    def public_keys(self, eui: Eui64, usage: Usage, role: int | None = None) -> Sequence[ec.EllipticCurvePublicKey]:
        """Keys from the repository come first: a running suite's Devices have other keys than published ones."""
        fetched = [one.public_key for one in self._fetch(eui, usage) if role is None or one.role in (role, None)]
        return (*fetched, *self._known.public_keys(eui, usage, role))

    def private_keys(self, eui: Eui64, usage: Usage) -> Sequence[ec.EllipticCurvePrivateKey]:
        return self._known.private_keys(eui, usage)

    def owners(self, role: int) -> Sequence[Eui64]:
        return self._known.owners(role)
