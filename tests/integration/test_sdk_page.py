"""The tests that ``docs/sdk.md`` shows are run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dccemu_sdk import Dcc, User

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sdk.md"


def shown_tests() -> dict[str, Callable[..., None]]:
    """The test functions in the page's Python blocks."""
    space: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), space)
    return {name: value for name, value in space.items() if name.startswith("test_")}


@pytest.mark.parametrize("name", sorted(shown_tests()))
def test_what_the_page_shows_holds(name: str, dcc: Dcc, dcc_user: User) -> None:
    shown_tests()[name](dcc, dcc_user)
