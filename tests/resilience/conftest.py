"""Suites under attack: the chaos driver's house, and suites that are started and ended by their process ids."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "tools") not in sys.path:
    sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture(scope="module")
def house() -> Iterator[Any]:
    """The isolated topology over a broker and a PostgreSQL of the driver's own; every run of a module adds to it."""
    from chaos_driver.house import House

    # A short path: the PostgreSQL socket keeps its place over a restart only where its address fits.
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        made = House(Path(folder))
        try:
            asyncio.run(made.start())
            yield made
        finally:
            asyncio.run(made.stop())
