"""The commands that ``docs/tutorial.md`` shows are commands of the command line, and the file it plays is checked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dccemu.main import app, normalise

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(".venv/bin/dccemu")
]


def test_the_page_shows_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_one_the_command_line_takes(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option and argument is parsed as it stands, in a folder with the files that the page speaks of."""
    (tmp_path / "state.json").write_text("{}", encoding="utf-8")
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    monkeypatch.chdir(tmp_path)
    words = normalise(shlex.split(line)[1:])
    command = typer.main.get_command(app)
    while (members := getattr(command, "commands", None)) is not None and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = members.get(name) if members else None
        command = found or command.get_command(None, name)  # type: ignore[attr-defined,arg-type]
        assert command is not None, name
    context = command.make_context(line, list(words))
    assert context.params


def test_the_story_file_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["scenario", "check", "deploy/scenarios/life-of-a-home.yaml"])
    assert done.exit_code == 0, done.output
