"""What several rooms of the protocol share in their tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of published reference data; a test that needs it skips where it is absent."""
    folder = Path(os.environ.get("DCCEMU_VECTORS", _DEFAULT))
    if not folder.is_dir():
        pytest.skip(f"reference vectors are absent: {folder} does not exist (set DCCEMU_VECTORS)")
    return folder
