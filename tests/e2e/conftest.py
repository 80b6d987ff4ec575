"""Whole suites, started by the command line as a stranger would start them, and Users that speak to them over HTTP."""

from __future__ import annotations

import base64
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, SmkiCertificate, Usage, issuing_oca_z1, parse_pem
from dccemu_sdk.session import Dcc, running

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT.parent / "shared" / "vectors"))
IMPORTED = ("--pki", "import", str(VECTORS / "keystore.json"), "--scenario", str(ROOT / "deploy/scenarios/rtds.yaml"))
ONE_PROCESS = "one process, minted"
SUITES: dict[str, tuple[str, ...]] = {
    ONE_PROCESS: (),
    "one process, imported": IMPORTED,
    "isolated, minted": ("--isolated",),
}
ON_APACHE_KAFKA = "isolated, Apache Kafka"


@pytest.fixture(scope="session")
def suites() -> dict[str, tuple[str, ...]]:
    """Options of `dccemu up` for each topology and kind of key material."""
    return SUITES


@pytest.fixture
def vectors() -> Path:
    """The folder of published data; it may be absent."""
    return VECTORS


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Apache Kafka, single node; skipped, saying why, where it cannot be had."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        kafka = importlib.import_module("kafka")
    finally:
        sys.path.pop(0)
    reason = kafka.missing()
    if reason is not None:
        pytest.skip(reason)
    server = kafka.Kafka(tmp_path_factory.mktemp("apache-kafka"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session", params=[*SUITES, pytest.param(ON_APACHE_KAFKA, marks=pytest.mark.kafka)])
def dcc(request: pytest.FixtureRequest) -> Iterator[Dcc]:
    """A running suite in each topology and with each kind of key material."""
    if request.param == ON_APACHE_KAFKA:
        arguments: tuple[str, ...] = ("--kafka", request.getfixturevalue("apache_kafka"))
    else:
        arguments = SUITES[request.param]
    _check_material(arguments)
    with running(arguments) as suite:
        yield suite


def _check_material(arguments: tuple[str, ...]) -> None:
    if "import" in arguments and not VECTORS.exists():
        pytest.skip("the published test keys are not here (../shared/vectors)")


@pytest.fixture
def own_suite(request: pytest.FixtureRequest) -> Iterator[Dcc]:
    """A suite that this test may change for good: in one process, minted, unless it is parametrized otherwise."""
    arguments = SUITES[getattr(request, "param", ONE_PROCESS)]
    _check_material(arguments)
    with running(arguments) as suite:
        yield suite


@pytest.fixture
def template() -> Callable[[str], bytes]:
    """A published request by its stem."""

    def read(stem: str) -> bytes:
        path = VECTORS / "duis" / f"{stem}_REQUEST_DUIS.XML"
        if not path.exists():
            pytest.skip(f"the published request {stem} is not here (../shared/vectors)")
        return path.read_bytes()

    return read


NAMESPACE = "http://www.dccinterface.co.uk/ServiceUserGateway"


@pytest.fixture
def request_of() -> Callable[..., bytes]:
    """An unsigned request made here: (SRV, CV, body XML, target)."""

    def build(srv: str, variant: int, body: str, target: str, originator: str = "90-B3-D5-1F-30-01-00-00") -> bytes:
        reference = srv if srv.count(".") == 1 else srv.rsplit(".", 1)[0]
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="{NAMESPACE}" schemaVersion="5.4"><sr:Header>'
            f"<sr:RequestID>{originator}:{target}:1</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant>"
            f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
            f"<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header>"
            f"<sr:Body>{body}</sr:Body></sr:Request>"
        ).encode()

    return build


# Service: element of the body, prefix of its floors, elements around the certificates.
_CREDENTIALS = {
    "6.15.1": (
        "UpdateSecurityCredentialsKRP",
        "RemoteParty",
        ("ReplacementCertificates", "SupplierOrNetworkOperatorCertificates"),
    ),
    "6.21": ("RequestHandoverOfDCCControlledDevice", "RemoteParty", ("ReplacementCertificates",)),
    "6.23": ("UpdateSecurityCredentialsCoS", "Supplier", ("SupplierReplacementCertificates",)),
}


@pytest.fixture
def credentials_of() -> Callable[..., str]:
    """The body of 6.15.1, 6.21 or 6.23 that puts a Supplier's newest certificates on a Device: (SRV, suite, owner)."""

    def build(srv: str, dcc: Dcc, owner: str, store: Keystore | None = None, *, mpxn: str | None = None) -> str:
        name, prefix, around = _CREDENTIALS[srv]
        held = _newest(dcc.store if store is None else store, Eui64.parse(owner))
        path = _issuer(dcc, held[Usage.DIGITAL_SIGNATURE, False])
        inside = (
            _element("DigitalSigningCertificate", _base64(held[Usage.DIGITAL_SIGNATURE, False]))
            + _element("KeyAgreementCertificate", _base64(held[Usage.KEY_AGREEMENT, False]))
            + _element("KeyAgreementTopUpCertificate", _base64(held[Usage.KEY_AGREEMENT, True]))
        )
        for wrapper in reversed(around):
            inside = _element(wrapper, inside)
        return _element(
            name,
            ("" if srv == "6.23" else _element("RemotePartyRole", "Supplier"))
            + _element(f"{prefix}FloorSeqNumber", "0")
            + _element(f"{prefix}PrepaymentTopUpFloorSeqNumber", "0")
            + inside
            + _element("CertificationPathCertificates", _element("Certificate", _base64(path)))
            + _element("ApplyTimeBasedCPVChecks", "false")
            + ("" if mpxn is None else _element("ImportMPxN", mpxn)),
        )

    return build


def _newest(store: Keystore, owner: Eui64) -> dict[tuple[Usage, bool], SmkiCertificate]:
    found: dict[tuple[Usage, bool], SmkiCertificate] = {}
    for entry in store:
        certificate, place = entry.certificate, (entry.usage, entry.top_up)
        if certificate is None or (entry.eui, entry.role) != (owner, 2):
            continue
        if place not in found or found[place].not_after < certificate.not_after:
            found[place] = certificate
    return found


def _issuer(dcc: Dcc, certificate: SmkiCertificate) -> SmkiCertificate:
    authorities = dcc.admin.call("GET", "/admin/smki/authorities")
    assert isinstance(authorities, list)
    known = [parse_pem(str(one["pem"])) for one in authorities if isinstance(one, dict)]
    return next(one for one in (issuing_oca_z1(), *known) if one.ski == certificate.aki)


def _element(name: str, inside: str) -> str:
    return f"<sr:{name}>{inside}</sr:{name}>"


def _base64(certificate: SmkiCertificate) -> str:
    return base64.b64encode(certificate.der).decode()
