"""Fill in ``docs/checklist.md``: beside each row of the feature checklist, the tests that are marked with it.

    .venv/bin/python tools/checklist.py [--check]

Rows and their words are written by hand in the page; the third column is made from the markers
(``@pytest.mark.checklist("A1")``), read from the source without importing it. ``--check`` fails when the committed page
is not the one made, when a row has no test, or when a marker names a row that the page does not have.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "checklist.md"
PLACES = ("shared", "services", "deploy", "tests")
ROW = re.compile(r"^\| (?P<row>[A-M]\d+) \| (?P<works>[^|]+) \|(?P<tests>[^|]*)\|$")


def marked() -> dict[str, list[str]]:
    """Give, for each row, the tests that carry its marker as ``path::name``."""
    found = defaultdict(list)
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("test_*.py")):
            for row, name in _markers(ast.parse(path.read_text("utf-8"))):
                found[row].append(f"{path.relative_to(ROOT)}::{name}")
    return found


def _markers(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for item in tree.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name.startswith("test_"):
            for decorator in item.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.checklist":
                    yield from ((str(ast.literal_eval(row)), item.name) for row in decorator.args)


def filled(page: str, tests: Mapping[str, list[str]]) -> str:
    """Give the page with its third column made."""

    def cells(line: str) -> str:
        row = ROW.match(line)
        if row is None:
            return line
        named = " ".join(f"`{test}`" for test in tests.get(row["row"], ()))
        return f"| {row['row']} | {row['works'].strip()} | {named} |"

    return "\n".join(cells(line) for line in page.split("\n"))


def faults(page: str, tests: Mapping[str, list[str]]) -> list[str]:
    """List what keeps page and markers apart."""
    rows = {row["row"] for line in page.split("\n") if (row := ROW.match(line))}
    found = [f"row {row} has no test that is marked with it" for row in sorted(rows - set(tests))]
    found += [f"{tests[row][0]} is marked {row}, which the page does not have" for row in sorted(set(tests) - rows)]
    if filled(page, tests) != page:
        found.append("the third column is not the one made from the markers: run tools/checklist.py")
    return found


def main() -> int:
    """Write or check the page."""
    page, tests = PAGE.read_text("utf-8"), marked()
    if "--check" not in sys.argv[1:]:
        page = filled(page, tests)
        PAGE.write_text(page, "utf-8")
    wrong = faults(page, tests)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
