"""`dccemu scenario play|check`: play a story on a suite, and check scenario files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import httpx
import typer

from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_protocol.errors import ProtocolError
from dccemu_sdk.errors import SdkError
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack, State

from ..story.player import Player, StoryFailed
from ..story.telling import Lines, Prose
from .suite import AdminUrl, StateFile, running_suite

app = typer.Typer(no_args_is_help=True, help="Scenario files: what a suite begins with, and stories to play on it.")
_READY_SECONDS = 120.0


def _read(file: Path) -> Scenario:
    try:
        return parse_scenario(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{file}: {error}", err=True)
    except ProtocolError as error:
        typer.echo(f"{file}: {error.rule}: {error.detail}" + (f" ({error.place})" if error.place else ""), err=True)
    raise typer.Exit(1)


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="scenario files")]) -> None:
    """Check scenario files against their schema and their own references."""
    for file in files:
        scenario = _read(file)
        counts = f"{len(scenario.parties)} Parties, {len(scenario.devices)} Devices, {len(scenario.story)} steps"
        typer.echo(f"{file}: {scenario.name}: {counts}")


@app.command()
def play(
    file: Annotated[Path, typer.Argument(help="a scenario with a story")],
    state: StateFile = None,
    admin: AdminUrl = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="the suite that is started runs a process for each service")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a step")] = False,
) -> None:
    """Play a story over HTTP as the Users concerned; stop at the first step that ends otherwise than it should.

    Without --state and --admin, a suite on the usual port is taken; where none runs, one is started for the story.
    """
    scenario = _read(file)
    if not scenario.story:
        typer.echo(f"{file}: there is no story in it", err=True)
        raise typer.Exit(1)
    with contextlib.ExitStack() as opened:
        try:
            dcc = opened.enter_context(Dcc(_suite(file, state, admin, isolated, opened)))
            Player(dcc, scenario, (Lines if as_json else Prose)(typer.echo)).play()
        except (StoryFailed, SdkError, ProtocolError, httpx.TransportError, OSError) as error:
            typer.echo(f"{file}: {error or type(error).__name__}", err=True)
            raise typer.Exit(1) from None


def _suite(file: Path, state: Path | None, admin: str | None, isolated: bool, opened: contextlib.ExitStack) -> State:
    found = None if isolated and admin is None and state is None else running_suite(state, admin)
    if found is not None:
        return found
    stack = Stack(("--scenario", str(file.resolve()), *(("--isolated",) if isolated else ())), timeout=_READY_SECONDS)
    opened.callback(stack.close)
    typer.echo("no suite runs: starting one for this scenario", err=True)
    return stack.start()
