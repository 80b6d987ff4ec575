"""Open reference vectors of GBCS messages and the published keys; tests that need them skip where they are absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dccemu_protocol.gbcs.envelope import GbcsMessage, decode
from dccemu_protocol.gbcs.keysource import KeystoreKeys
from dccemu_protocol.pki import keystore

settings.register_profile("gbcs", deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
settings.load_profile("gbcs")


@dataclass(frozen=True)
class Vector:
    """One published message."""

    name: str
    octets: bytes
    message: GbcsMessage

    @property
    def use_case(self) -> str:
        return self.name.split("_")[0]


def _read(folder: Path) -> Iterator[Vector]:
    for path in sorted((folder / "rtds").glob("*/*.HEX")):
        octets = bytes.fromhex(path.read_text("ascii").strip())
        yield Vector(path.name.removesuffix("_GBCS.HEX"), octets, decode(octets))


@pytest.fixture(scope="session")
def gbcs_vectors(vectors: Path) -> tuple[Vector, ...]:
    """Every open vector."""
    found = tuple(_read(vectors))
    assert len(found) > 1000
    return found


@pytest.fixture(scope="session")
def published_keys(vectors: Path) -> KeystoreKeys:
    """The published test keys."""
    return KeystoreKeys(keystore.load((vectors / "keystore.json").read_bytes()))


@pytest.fixture(scope="session")
def vector(gbcs_vectors: tuple[Vector, ...]) -> Callable[[str], Vector]:
    """The vector of a name."""
    by_name = {one.name: one for one in gbcs_vectors}

    def find(name: str) -> Vector:
        if name not in by_name:
            pytest.skip(f"vector {name} is not open here")
        return by_name[name]

    return find
