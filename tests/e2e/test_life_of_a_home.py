"""The life of a home, played from its scenario file: installation, change of Supplier, suspension, removal."""

from __future__ import annotations

from pathlib import Path

import pytest

from dccemu.story.player import Player, StoryFailed
from dccemu_contracts.scenario import parse_scenario
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack

FILE = Path(__file__).resolve().parents[2] / "deploy" / "scenarios" / "life-of-a-home.yaml"


@pytest.mark.parametrize("topology", [(), ("--isolated",)], ids=["one process", "isolated"])
def test_the_story_comes_out_as_it_says(topology: tuple[str, ...]) -> None:
    scenario = parse_scenario(FILE.read_text("utf-8"))
    stack = Stack(("--scenario", str(FILE), *topology), timeout=120)
    lines: list[str] = []
    try:
        with Dcc(stack.start()) as dcc:
            assert Player(dcc, scenario, lines.append).play() == len(scenario.story)
            wrong = scenario.model_copy(update={"story": scenario.story[-1:]})
            dcc.admin.call("PUT", "/admin/inventory/devices/00-DB-12-34-56-78-90-C0", {"status": "Pending"})
            with pytest.raises(StoryFailed, match="status is 'Pending', should be 'Decommissioned'"):
                Player(dcc, wrong, lines.append).play()
    finally:
        stack.close()
