"""Loads the corpus module (test modules may not import one another) and gives keys to forge with."""

from __future__ import annotations

import importlib.util
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, RemotePartyRole, Usage, assemble, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name

USER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
OTHER = Eui64.parse("90-B3-D5-1F-30-02-00-00")
DEVICE = Eui64.parse("00-DB-12-34-56-78-90-A0")


VECTORS = Path(os.environ.get("DCCEMU_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The published templates; a test that needs them skips where they are absent."""
    if not VECTORS.is_dir():
        pytest.skip(f"reference vectors are absent: {VECTORS} does not exist (set DCCEMU_VECTORS)")
    return VECTORS


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The module ``corpus.py`` beside this file."""
    path = Path(__file__).with_name("corpus.py")
    spec = importlib.util.spec_from_file_location("dccemu_hostile_corpus", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@pytest.fixture(scope="session")
def fixed_keys() -> Keystore:
    """Fixed keys under a fixed authority: the corpus is the same octets in every run."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sign = signer(_key(7001))
    content = profiles.root_content(
        name=authority_name("EMU1", 7), key=_key(7001).public_key(), serial=1 << 120, start=start
    )
    issuing = parse(assemble(content, sign(content)))

    def entry(eui: Eui64, role: int, usage: Usage, number: int) -> Entry:
        body = profiles.organisation_content(
            issuer=issuing,
            eui=eui,
            role=role,
            usage=usage,
            key=_key(number).public_key(),
            serial=number << 108,
            start=start,
            policy=profiles.ORGANISATION_POLICY,
        )
        return Entry(f"{eui}-{role}", eui, usage, role, parse(assemble(body, sign(body))), _key(number))

    return Keystore(
        [
            entry(USER, RemotePartyRole.XML_SIGNING, Usage.DIGITAL_SIGNATURE, 7011),
            entry(USER, RemotePartyRole.SUPPLIER, Usage.DIGITAL_SIGNATURE, 7012),
            entry(USER, RemotePartyRole.SUPPLIER, Usage.KEY_AGREEMENT, 7013),
            entry(OTHER, RemotePartyRole.XML_SIGNING, Usage.DIGITAL_SIGNATURE, 7021),
        ]
    )


@pytest.fixture(scope="session")
def parties() -> tuple[Eui64, Eui64, Eui64]:
    """User, another User, and a Device of the first."""
    return USER, OTHER, DEVICE
