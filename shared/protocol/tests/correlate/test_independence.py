"""Correlation is worth something only if it cannot repeat the mistakes of the transformation."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from dccemu_protocol.gbcs import correlate


def test_correlation_shares_nothing_with_the_transformation() -> None:
    folder = Path(inspect.getfile(correlate)).parent
    imported = set()
    for file in folder.glob("*.py"):
        source = file.read_text("utf-8")
        assert "use_cases.json" not in source
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                imported |= {f"{node.module or ''}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Import):
                imported |= {one.name for one in node.names}

    assert not [name for name in imported if "transform" in name or "respond" in name]
