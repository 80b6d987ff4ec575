"""The document of statuses is the table's."""

from __future__ import annotations

from pathlib import Path

from dccemu_inventory.domain.describe import document

FILE = Path(__file__).parents[4] / "docs" / "inventory-statuses.md"


def test_the_document_is_made_from_the_table() -> None:
    assert FILE.read_text("utf-8") == document()
