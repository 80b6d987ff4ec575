"""Fixtures for all tests (see ``dccemu_runtime.testing``), and a folder for temporary files of this session's own.

The usual one is every session's of a user: one that begins takes from all others the right to pass through it, and
PostgreSQL, which does not run as root, could not reach its data any more.
"""

import os
import shutil
import tempfile

import pytest

pytest_plugins = ("dccemu_runtime.testing",)

_ROOT = "PYTEST_DEBUG_TEMPROOT"
_OWN = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    if _ROOT not in os.environ:
        os.environ[_ROOT] = config.stash[_OWN] = tempfile.mkdtemp(prefix="d-")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a failed test left is kept to be looked at."""
    if exitstatus != pytest.ExitCode.OK:
        session.config.stash[_OWN] = ""


def pytest_unconfigure(config: pytest.Config) -> None:
    own = config.stash.get(_OWN, "")
    if own:
        shutil.rmtree(own, ignore_errors=True)
