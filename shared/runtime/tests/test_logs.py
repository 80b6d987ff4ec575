"""Logging goes to standard error as it is at each line, and fails nobody."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from dccemu_runtime import logs


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_goes_to_standard_error_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    logs.configure("json")
    log = structlog.get_logger("test")
    log.warning("one")
    first_said = first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)

    log.warning("two")

    assert '"one"' in first_said
    assert '"two"' in second.getvalue()


def test_a_standard_error_that_is_gone_fails_nobody_who_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    logs.configure("json")
    gone.close()

    structlog.get_logger("test").error("nobody hears this")
