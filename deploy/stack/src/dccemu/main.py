"""The `dccemu` command line: each group of commands is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

GROUPS: dict[str, str] = {
    "up": "dccemu.commands.up",
    "gbcs": "dccemu.commands.gbcs",
    "duis": "dccemu.commands.duis",
    "firmware": "dccemu.commands.firmware",
    "pki": "dccemu.commands.pki",
    "certs": "dccemu.commands.certs",
    "journal": "dccemu.commands.journal",
    "scenario": "dccemu.commands.scenario",
    "thresholds": "dccemu.commands.thresholds",
}


class LazyGroup(TyperGroup):
    """A command group whose members are modules with a ``typer.Typer`` named ``app``.

    Its two hooks are typed with ``Any``: typer carries its own copy of click and does not publish the types.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(GROUPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = GROUPS.get(cmd_name)
        if module is None:
            return None
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An open emulator of the GB smart-metering DCC User Gateway. TEST ONLY: never a real PKI.",
)


@app.callback()
def _root() -> None:
    """Hold the options that all commands share: none yet."""


def normalise(arguments: Sequence[str]) -> list[str]:
    """Turn ``--pki import FILE`` into ``--pki import --pki-file FILE`` so that the option keeps one value."""
    result: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        result.append(word)
        if word == "--pki" and pending[:1] == ["import"] and len(pending) > 1 and not pending[1].startswith("-"):
            result += [pending.pop(0), "--pki-file", pending.pop(0)]
    return result


def main() -> None:
    """Entry point of the console script."""
    app(args=normalise(sys.argv[1:]))
