"""Every rule that the protocol's code raises by name has its row in the catalogue."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dccemu_protocol
from dccemu_protocol import catalogue
from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.gbcs import errors as gbcs_errors
from dccemu_protocol.pki import rules as pki_rules

SOURCES = Path(dccemu_protocol.__file__).parent


def raised_names() -> Iterator[tuple[str, str]]:
    """Names given as the first argument to ProtocolError or a function that makes one, and where."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            name = node.args[0].value
            if called in {"ProtocolError", "_refuse"} and isinstance(name, str) and name.isupper():
                yield name, f"{path.relative_to(SOURCES)}:{node.lineno}"
    for module in (gbcs_errors, pki_rules):
        for value in vars(module).values():
            if isinstance(value, str) and value.isupper() and "_" in value:
                yield value, module.__name__


def test_every_rule_that_is_raised_is_in_the_catalogue() -> None:
    unknown = []
    for name, place in raised_names():
        try:
            catalogue.rule(name)
        except EmulatorError:
            unknown.append(f"{name} at {place}")

    assert len(list(raised_names())) > 60
    assert unknown == []
