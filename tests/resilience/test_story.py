"""kill -9 of inventory, CoS Party or gateway during each step of the life of a home: it goes on and ends the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dccemu.story.player import Player, StoryFailed
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_sdk.session import Dcc, running

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "scenarios" / "life-of-a-home.yaml"
SERVICES = ("inventory", "cos-party", "gateway")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return parse_scenario(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def undisturbed(scenario: Scenario) -> dict[str, Any]:
    """What is held after a play in which nothing went wrong."""
    from chaos_driver.story import held

    with running(("--scenario", str(FILE))) as dcc:
        Player(dcc, scenario).play()
        return held(dcc.admin, scenario)


@pytest.fixture
def home() -> Iterator[Any]:
    """The isolated topology with the story's scenario, of this test's own."""
    from chaos_driver.house import House

    with tempfile.TemporaryDirectory(prefix="story-", ignore_cleanup_errors=True) as folder:
        made = House(Path(folder), plan=FILE)
        try:
            asyncio.run(made.start())
            yield made
        finally:
            asyncio.run(made.stop())


def play(dcc: Dcc, home: Any, scenario: Scenario, services: tuple[str, ...], seed: int) -> list[tuple[int, str]]:
    """Play under kills; which service died at which step."""
    from chaos_driver.story import Striker

    striker = Striker(home, dcc.admin, services, seed)
    try:
        Player(dcc, scenario, striker).play()
    except StoryFailed as failed:
        told = "\n".join(striker.said[-8:])
        pytest.fail(f"seed {seed}: {failed}\nkills: {striker.landed}\n{told}\n{home.log()}")
    return striker.landed


@pytest.mark.isolated
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "services",
    [
        pytest.param(SERVICES, id="by turns"),
        *(pytest.param((service,), id=service, marks=pytest.mark.nightly) for service in SERVICES),
    ],
)
def test_the_story_goes_on_after_each_kill_and_ends_the_same(
    home: Any, scenario: Scenario, undisturbed: dict[str, Any], services: tuple[str, ...]
) -> None:
    from chaos_driver.story import comes_to, differences, stray_cells

    with Dcc(home.state, patience=PATIENCE) as dcc:
        landed = play(dcc, home, scenario, services, seed=5)

        seen = comes_to(dcc.admin, scenario, undisturbed)
        assert differences(undisturbed, seen) == [], f"{landed}\n{home.log()}"
        assert stray_cells(dcc.admin, list(undisturbed["inventory"])) == []
    assert [number for number, _ in landed] == list(range(1, len(scenario.story) + 1))
    assert {service for _, service in landed} == set(services)
