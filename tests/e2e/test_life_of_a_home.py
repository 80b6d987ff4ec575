"""The life of a home, played from its scenario file: installation, change of Supplier, suspension, removal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dccemu.main import app
from dccemu.story.player import Player, StoryFailed
from dccemu.story.telling import Prose
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_sdk.session import Dcc, running

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "scenarios" / "life-of-a-home.yaml"
METER = "00-DB-12-34-56-78-90-C0"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The story as it is shipped."""
    return parse_scenario(FILE.read_text("utf-8"))


@pytest.fixture(
    params=[(), pytest.param(("--isolated",), marks=pytest.mark.isolated)], ids=["one process, minted", "isolated"]
)
def house(request: pytest.FixtureRequest) -> Iterator[Dcc]:
    """A suite with nothing in its inventory: this test changes it for good."""
    with running(("--scenario", str(FILE), *request.param)) as dcc:
        yield dcc


def test_the_story_comes_out_as_it_says(house: Dcc, scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    summary = Player(house, scenario, Prose(lines.append)).play()

    assert summary.steps == len(scenario.story)
    with capsys.disabled():
        print(f" installation {summary.chapters['Installation']:.2f} s, in all {summary.seconds:.2f} s", end=" ")
    _the_tutorial_shows_what_came(lines + _explained(house))
    _a_step_that_comes_out_otherwise_ends_it(house, scenario)


def _explained(house: Dcc) -> list[str]:
    """What ``dccemu journal`` prints of the request that the suspended meter's status forbade."""
    refused = next(entry for entry in house.admin.journal(device=METER) if entry["outcome"] == "refused E5")
    shown = CliRunner().invoke(app, ["journal", str(refused["id"]), "--admin", house.state.admin])
    assert shown.exit_code == 0, shown.output
    return shown.output.splitlines()


def _the_tutorial_shows_what_came(lines: list[str]) -> None:
    came = {_timeless(line) for line in lines}
    shown = re.findall(r"```text\n(.*?)```", (ROOT / "docs/tutorial.md").read_text("utf-8"), re.DOTALL)
    assert shown
    missing = [line for block in shown for line in block.splitlines() if _timeless(line) not in came]
    assert not missing


def _timeless(line: str) -> str:
    """Lengths of signing requests and certificates vary with the signature in them."""
    return re.sub(r"of \d+ octets", "of N octets", line.rstrip())


def _a_step_that_comes_out_otherwise_ends_it(house: Dcc, scenario: Scenario) -> None:
    last = scenario.model_copy(update={"story": scenario.story[-1:]})
    house.admin.call("PUT", f"/admin/inventory/devices/{METER}", {"status": "Pending"})
    with pytest.raises(StoryFailed, match=r"step 1 .*status is 'Pending', should be 'Decommissioned'"):
        Player(house, last).play()
