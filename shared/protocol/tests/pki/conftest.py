"""The published vectors (skipped where absent) and a small hierarchy with keys of its own."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import (
    Keystore,
    RemotePartyRole,
    Signer,
    SmkiCertificate,
    Usage,
    assemble,
    keystore,
    parse,
    profiles,
    signer,
)
from dccemu_protocol.pki.subjects import authority_name

ROOT = Path(__file__).resolve().parents[4]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT / ".." / "shared" / "vectors"))
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def vectors() -> Path:
    if not VECTORS.is_dir():
        pytest.skip(f"published vectors are not at {VECTORS}")
    return VECTORS


@pytest.fixture(scope="session")
def published(vectors: Path) -> Keystore:
    return keystore.load(vectors / "keystore.json")


@pytest.fixture(scope="session")
def listed(vectors: Path) -> list[Mapping[str, str]]:
    path = vectors.parent / "reference" / "zaz1-certificates.csv"
    if not path.is_file():
        pytest.skip(f"the list of published certificates is not at {path}")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@dataclass(frozen=True)
class Hierarchy:
    """Root and issuing CA of an organisation tree, and how to issue under it."""

    root: SmkiCertificate
    issuing: SmkiCertificate
    root_signer: Signer
    issuing_signer: Signer

    def organisation(
        self,
        *,
        role: int = RemotePartyRole.SUPPLIER,
        usage: Usage = Usage.DIGITAL_SIGNATURE,
        eui: str = "90B3D51F30010000",
        serial: int = 0x11 << 120,
        number: int = 77,
        start: datetime = START,
        policy: str = profiles.ORGANISATION_POLICY,
    ) -> SmkiCertificate:
        content = profiles.organisation_content(
            issuer=self.issuing,
            eui=Eui64.from_hex(eui),
            role=role,
            usage=usage,
            key=key(number).public_key(),
            serial=serial,
            start=start,
            policy=policy,
        )
        return parse(assemble(content, self.issuing_signer(content)))


@pytest.fixture(scope="session")
def hierarchy() -> Hierarchy:
    root_key, issuing_key = key(1001), key(1002)
    content = profiles.root_content(
        name=authority_name("EMUR", 0), key=root_key.public_key(), serial=1 << 120, start=START
    )
    root = parse(assemble(content, signer(root_key)(content)))
    content = profiles.issuing_content(
        issuer=root, name=authority_name("EMU1", 7), key=issuing_key.public_key(), serial=2 << 120, start=START
    )
    issuing = parse(assemble(content, signer(root_key)(content)))
    return Hierarchy(root, issuing, signer(root_key), signer(issuing_key))
