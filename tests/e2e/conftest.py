"""Whole suites, started by the command line as a stranger would start them, and Users that speak to them over HTTP."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT.parent / "shared" / "vectors"))
IMPORTED = ("--pki", "import", str(VECTORS / "keystore.json"), "--scenario", str(ROOT / "deploy/scenarios/rtds.yaml"))
SUITES: dict[str, tuple[str, ...]] = {
    "one process, minted": (),
    "one process, imported": IMPORTED,
    "isolated, minted": ("--isolated",),
}
ON_APACHE_KAFKA = "isolated, Apache Kafka"


@pytest.fixture
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
    if "import" in arguments and not VECTORS.exists():
        pytest.skip("the published test keys are not here (../shared/vectors)")
    stack = Stack(arguments, timeout=120)
    try:
        with Dcc(stack.start()) as suite:
            yield suite
    finally:
        stack.close()


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
