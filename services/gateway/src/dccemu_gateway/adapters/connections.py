"""Users' connections: the TLS authority, client certificates, and which Party opened a connection.

In production these certificates come from an infrastructure apart from the SMKI (duis.md section 1, item 5). The
gateway has a small authority of its own: its key never leaves, a Party gets a client certificate for its signing
request, and the subject's organisation is the Party ID. Validity is real time, not the Clock's: OpenSSL judges it
by the machine's clock.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.keys import Keys

_AUTHORITY, _SERVER = "tls-authority", "tls-server"
_LIFE = timedelta(days=3650)
_PUT_AUTHORITY = """
INSERT INTO tls_authorities (name, certificate) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"""
_GET_AUTHORITY = "SELECT certificate FROM tls_authorities WHERE name = $1"
_PUT = """
INSERT INTO connections (serial, party, certificate, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)"""
_WITHDRAW = "UPDATE connections SET withdrawn_at = $2 WHERE serial = $1 AND withdrawn_at IS NULL RETURNING 1"
_LIST = "SELECT serial, party, issued_at, expires_at, withdrawn_at FROM connections ORDER BY issued_at"
_CACHED = 10_000
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound here


class Connections:
    """The TLS authority and what it issued."""

    def __init__(self, database: Database, entropy: Entropy, host: str) -> None:
        self._database = database
        self._entropy = entropy
        self._keys = Keys(database, entropy)
        self._host = host
        self._authority: x509.Certificate | None = None
        self._withdrawn: set[str] = set()
        self._parties: dict[bytes, str | None] = {}

    async def start(self) -> None:
        """Load the authority, or make it at the first start."""
        await self._keys.load()
        await self._keys.ensure(_AUTHORITY)
        await self._keys.ensure(_SERVER)
        kept = await self._database.pool.fetchval(_GET_AUTHORITY, _AUTHORITY)
        if kept is None:
            made = self._make_authority()
            await self._database.pool.execute(_PUT_AUTHORITY, _AUTHORITY, made.public_bytes(serialization.Encoding.DER))
            kept = await self._database.pool.fetchval(_GET_AUTHORITY, _AUTHORITY)
        self._authority = x509.load_der_x509_certificate(kept)
        self._withdrawn = {str(row["serial"]) for row in await self.all() if row["withdrawn_at"] is not None}

    async def stop(self) -> None:
        """Nothing runs."""

    @property
    def authority(self) -> x509.Certificate:
        """The authority's own certificate."""
        if self._authority is None:
            raise EmulatorError("the TLS authority is not loaded yet")
        return self._authority

    def authority_pem(self) -> str:
        """The authority's certificate for Users to trust."""
        return self.authority.public_bytes(serialization.Encoding.PEM).decode()

    async def issue(self, party: str, request_pem: str) -> str:
        """A certificate (PEM) for a Party's signing request; its key stays with the Party.

        It is good for the Party's connections to the gateway and, with the host names that the request asks for, for
        its Receive Response Service.

        Raises
        ------
        ProtocolError
            When the request is unreadable, not on P-256 or without proof of possession.
        """
        try:
            request = x509.load_pem_x509_csr(request_pem.encode())
            is_proven = request.is_signature_valid
            key = request.public_key()
        except (ValueError, InvalidSignature) as error:
            raise ProtocolError("CSR_UNREADABLE", f"not a PEM signing request: {str(error)[:120]}") from None
        if not is_proven or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ProtocolError("CSR_SIGNATURE", "the request is not signed with its own P-256 key")
        certificate = self._sign(
            _name(party, f"{party} TEST ONLY"),
            key,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            ExtendedKeyUsageOID.SERVER_AUTH,
            names=_asked_names(request),
        )
        await self._database.pool.execute(
            _PUT,
            f"{certificate.serial_number:X}",
            party,
            certificate.public_bytes(serialization.Encoding.DER),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    async def withdraw(self, serial: str) -> bool:
        """Take a client certificate out of use; False when there is none."""
        found = await self._database.pool.fetchval(_WITHDRAW, serial, datetime.now(UTC)) is not None
        if found:
            self._withdrawn.add(serial)
            self._parties.clear()
        return found

    async def all(self) -> list[dict[str, object]]:
        """What was issued."""
        return [dict(row) for row in await self._database.pool.fetch(_LIST)]

    def party(self, certificate: bytes) -> str | None:
        """The Party of a client certificate (DER, already verified by TLS); None when it was withdrawn."""
        if certificate in self._parties:
            return self._parties[certificate]
        read = x509.load_der_x509_certificate(certificate)
        names = read.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        is_good = len(names) == 1 and f"{read.serial_number:X}" not in self._withdrawn
        party = str(names[0].value) if is_good else None
        if len(self._parties) >= _CACHED:
            self._parties.clear()
        self._parties[certificate] = party
        return party

    def server_context(self) -> ssl.SSLContext:
        """For the listener: our certificate, and a client certificate of our authority is demanded."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.authority_pem())
        self._load_chain(context, self._server_certificate())
        return context

    def client_context(self) -> ssl.SSLContext:
        """For deliveries over https: trust our authority and the machine's, show our certificate when asked."""
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=self.authority_pem())
        self._load_chain(context, self._server_certificate())
        return context

    # -- making ------------------------------------------------------------------------------------------------------

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = self._keys.find(name)
        if key is None:
            raise EmulatorError(f"the key {name} is not loaded yet")
        return key

    def _make_authority(self) -> x509.Certificate:
        key, name, now = self._key(_AUTHORITY), _name("dccemu", "TEST ONLY gateway connections"), datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._entropy.octets(15), "big") or 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *purposes: x509.ObjectIdentifier,
        names: list[x509.GeneralName] | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.authority.subject)
            .public_key(key)
            .serial_number(int.from_bytes(self._entropy.octets(15), "big") or 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(self.authority.not_valid_after_utc)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key(_AUTHORITY).public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key(_AUTHORITY), hashes.SHA256())

    def _server_certificate(self) -> x509.Certificate:
        hosts = {self._host, "localhost", "127.0.0.1", "::1", "gateway"} - _EVERYWHERE
        return self._sign(
            _name("dccemu", "TEST ONLY gateway"),
            self._key(_SERVER).public_key(),
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            names=[_alternative(host) for host in sorted(hosts)],
        )

    def _load_chain(self, context: ssl.SSLContext, certificate: x509.Certificate) -> None:
        """OpenSSL takes a chain from a file only; the file lives as long as the call."""
        key = self._key(_SERVER).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.TemporaryDirectory(prefix="dccemu-tls-") as folder:
            chain = Path(folder) / "chain.pem"
            chain.touch(mode=0o600)
            chain.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
            context.load_cert_chain(chain)


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _asked_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """The host names and addresses that a signing request asks for."""
    try:
        asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name for name in asked if isinstance(name, x509.DNSName | x509.IPAddress)]


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
