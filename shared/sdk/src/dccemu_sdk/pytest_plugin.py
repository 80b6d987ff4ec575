"""pytest fixtures for tests against a suite of their own.

``dcc`` starts ``dccemu up`` once for the test session, on free ports; ``dcc_user`` is the demonstration Supplier with
a Receive Response Service of its own. Options: ``--dccemu-arguments "--isolated"`` passes options to ``dccemu up``,
``--dccemu-state FILE`` uses a suite that runs already, ``--dccemu-keystore FILE`` names the Users' keys.

Nothing of the SDK is imported until a test asks for a fixture: the plugin costs other test runs nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .session import Dcc
    from .user import User


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("dccemu")
    group.addoption("--dccemu-arguments", default="", help="more options for dccemu up")
    group.addoption("--dccemu-state", default=None, help="state file of a suite that runs already")
    group.addoption("--dccemu-keystore", default=None, help="key store of the Users")


def _path(config: pytest.Config, option: str) -> Path | None:
    value = config.getoption(option)
    return None if value is None else Path(str(value))


@pytest.fixture(scope="session")
def dcc(pytestconfig: pytest.Config) -> Iterator[Dcc]:
    """A running suite."""
    from .session import Dcc
    from .session import running as suite_of_ones_own
    from .stack import State

    keys, running = _path(pytestconfig, "--dccemu-keystore"), _path(pytestconfig, "--dccemu-state")
    if running is not None:
        with Dcc(State.read(running), keys) as suite:
            yield suite
        return
    with suite_of_ones_own(shlex.split(str(pytestconfig.getoption("--dccemu-arguments"))), keys=keys) as suite:
        yield suite


@pytest.fixture
def dcc_user(dcc: Dcc) -> User:
    """The demonstration Supplier, with a Receive Response Service of its own."""
    return dcc.user()
