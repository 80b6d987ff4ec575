"""The life of a home, played from its scenario file: installation, change of Supplier, suspension, removal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dccemu.story.player import Player, StoryFailed
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack

FILE = Path(__file__).resolve().parents[2] / "deploy" / "scenarios" / "life-of-a-home.yaml"
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
    stack = Stack(("--scenario", str(FILE), *request.param), timeout=120)
    try:
        with Dcc(stack.start()) as dcc:
            yield dcc
    finally:
        stack.close()


def test_the_story_comes_out_as_it_says(house: Dcc, scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    summary = Player(house, scenario).play()

    assert summary.steps == len(scenario.story)
    with capsys.disabled():
        print(f" installation {summary.chapters['Installation']:.2f} s, in all {summary.seconds:.2f} s", end=" ")
    last = scenario.model_copy(update={"story": scenario.story[-1:]})
    house.admin.call("PUT", f"/admin/inventory/devices/{METER}", {"status": "Pending"})
    with pytest.raises(StoryFailed, match=r"step 1 .*status is 'Pending', should be 'Decommissioned'"):
        Player(house, last).play()
