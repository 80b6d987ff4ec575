"""The official schema as a second opinion, and the published templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from dccemu_protocol.duis.schema.official import OfficialSchema


@pytest.fixture(scope="session")
def official(vectors: Path) -> OfficialSchema:
    return OfficialSchema(vectors / "schema" / "DUIS Schema V5.4.xsd")


@pytest.fixture(scope="session")
def templates(vectors: Path) -> list[Path]:
    return sorted((vectors / "duis").glob("*REQUEST_DUIS.XML"))
