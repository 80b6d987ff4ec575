"""A signer with keys of its own, and documents to sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from dccemu_protocol.duis import (
    DuisRequest,
    check_version,
    parse_document,
    read_request,
    read_request_id,
    validate,
)
from dccemu_protocol.duis.canonical import canonical
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.xmldsig import Outlines, XMLSigner, name_key, verify

ISSUER = "CN=Z1,OU=07"
REQUEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
  xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4">
  <sr:Header>
    <sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000</sr:RequestID>
    <sr:CommandVariant>4</sr:CommandVariant>
    <sr:ServiceReference>6.11</sr:ServiceReference>
    <sr:ServiceReferenceVariant>6.11</sr:ServiceReferenceVariant>
  </sr:Header>
  <sr:Body>
    <sr:SynchroniseClock>
      <sr:CurrentDateTime>2014-12-31T23:59:10.00Z</sr:CurrentDateTime>
      <sr:TolerancePeriod>60</sr:TolerancePeriod>
    </sr:SynchroniseClock>
  </sr:Body>
</sr:Request>"""


@dataclass
class Keys:
    """Trusted signers, found by issuer name and serial number."""

    known: dict[int, tuple[str, ec.EllipticCurvePublicKey]] = field(default_factory=dict)

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        found = self.known.get(serial)
        return found[1] if found is not None and name_key(found[0]) == name_key(issuer) else None


@dataclass
class Party:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    signer: XMLSigner


def make_party(scalar: int, serial: int) -> Party:
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "07"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Z1"),
        ]
    )
    now = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=36500))
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, False, False, False, False),
            critical=True,
        )
        .sign(key, SHA256())
    )
    return Party(key, certificate, XMLSigner(key, ISSUER, serial))


@pytest.fixture(scope="session")
def user() -> Party:
    return make_party(0x1234567890ABCDEF, 27572613927499351639968579586655397031)


@pytest.fixture(scope="session")
def stranger() -> Party:
    return make_party(0xFEDCBA0987654321, 4711)


@pytest.fixture
def keys(user: Party) -> Keys:
    return Keys({user.signer.serial: (ISSUER, user.key.public_key())})


@dataclass
class Ways:
    """The two ways of a document to its values, or to the rule that it breaks."""

    keys: Keys
    outlines: Outlines = field(default_factory=Outlines)

    def learn(self, document: bytes) -> None:
        """Let a document go the ordinary way first, as outlines are learnt."""
        validate(parse_document(document))
        self.outlines.learn(document, verify(parse_document(document), self.keys, document).root)

    def ordinary(self, document: bytes) -> str | tuple[object, ...]:
        """Through parser, schema and canonicaliser."""
        try:
            root = parse_document(document)
            request_id = read_request_id(root)
            check_version(root)
            validate(root)
            return _reading(read_request(verify(root, self.keys, document).root, request_id))
        except ProtocolError as error:
            return error.rule

    def outlined(self, document: bytes) -> str | tuple[object, ...] | None:
        """Through the outline; None where the document must take the ordinary way."""
        found = self.outlines.find(document)
        if found is None:
            return None
        try:
            found.verify(self.keys)
            return _reading(found.request())
        except ProtocolError as error:
            return error.rule


def _reading(request: DuisRequest) -> tuple[object, ...]:
    values = request._asdict()
    values["element"] = canonical(request.body)
    return tuple(values.values())


@pytest.fixture
def ways(keys: Keys) -> Ways:
    return Ways(keys)


@pytest.fixture(scope="session")
def request_document() -> bytes:
    return REQUEST


@pytest.fixture(scope="session")
def signed(user: Party) -> bytes:
    return user.signer.sign(REQUEST)


@pytest.fixture(scope="session")
def new_party() -> Callable[[int, int], Party]:
    return make_party
