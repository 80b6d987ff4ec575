"""The table of the SMKI's page names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
HERE = Path(__file__).resolve().parents[1]


def test_every_row_of_the_page_names_tests_that_exist() -> None:
    table = (ROOT / "docs/smki.md").read_text("utf-8").partition("## What shows it")[2]
    named = re.findall(r"`([\w/.-]+\.py)::(\w+)`", table)
    missing = []
    for place, name in named:
        folder = HERE if place.startswith(("component/", "unit/")) else ROOT
        tree = ast.parse((folder / place).read_text("utf-8"))
        defined = {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
        if name not in defined:
            missing.append(f"{place}::{name}")

    assert len(named) > 50
    assert missing == []
