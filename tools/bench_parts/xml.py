"""XML verify and sign for each message, beside signxml on the same documents in the same run."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_protocol import xmldsig
from dccemu_protocol.duis import parse_document, validate

REQUEST = (
    b'<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>'
    b"<sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000</sr:RequestID>"
    b"<sr:CommandVariant>1</sr:CommandVariant><sr:ServiceReference>4.1</sr:ServiceReference>"
    b"<sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant></sr:Header><sr:Body>"
    b"<sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours and the other's median seconds for one thing."""

    name: str
    ours: float
    other: float | None

    @property
    def ratio(self) -> float | None:
        """How many times quicker ours is."""
        return None if self.other is None else self.other / self.ours


class _Keys:
    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey:
        return self._key


def median_seconds(work: Callable[[], object], rounds: int = 400) -> float:
    """Median of single runs, after some that do not count."""
    for _ in range(20):
        work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _self_made_certificate(key: ec.EllipticCurvePrivateKey) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def measure() -> list[Pair]:
    """Verify (schema check included for ours) and sign."""
    key = ec.generate_private_key(ec.SECP256R1())
    keys = _Keys(key.public_key())
    signed = xmldsig.sign(REQUEST, key, "CN=Z1,OU=07", 7)

    def ours_verify() -> None:
        root = parse_document(signed)
        validate(root)
        xmldsig.verify(root, keys)

    def ours_sign() -> None:
        xmldsig.sign(REQUEST, key, "CN=Z1,OU=07", 7)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from signxml import XMLVerifier  # type: ignore[attr-defined]
        from signxml.verifier import SignatureConfiguration

        pem = _self_made_certificate(key)
        expected = SignatureConfiguration(require_x509=False, expect_references=1)

        def other_verify() -> None:
            XMLVerifier().verify(etree.fromstring(signed), x509_cert=pem, expect_config=expected, validate_schema=False)

        pairs = [
            Pair(
                "verify a Request (parse, schema, signature)",
                median_seconds(ours_verify),
                median_seconds(other_verify, 100),
            ),
            Pair("sign a Response", median_seconds(ours_sign), None),
        ]
    return pairs
