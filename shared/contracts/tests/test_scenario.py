"""The scenario files and their schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from dccemu_contracts.scenario import Scenario, parse_plain, parse_scenario
from dccemu_protocol.errors import ProtocolError

SCENARIOS = Path(__file__).parents[3] / "deploy" / "scenarios"
FILES = sorted(SCENARIOS.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_fits_schema_and_model(file: Path) -> None:
    text = file.read_text("utf-8")
    jsonschema.validate(parse_plain(text), json.loads((SCENARIOS / "scenario.schema.json").read_text("utf-8")))
    assert parse_scenario(text).name


def test_schema_file_is_the_models_schema() -> None:
    written = json.loads((SCENARIOS / "scenario.schema.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(Scenario.model_json_schema()))


def test_rtds_devices_hold_the_cells_of_their_type() -> None:
    scenario = parse_scenario((SCENARIOS / "rtds.yaml").read_text("utf-8"))
    cells = {device.type: scenario.cells(device) for device in reversed(scenario.devices)}
    assert {(c.role, c.eui) for c in cells["ESME"] if c.role in (2, 3, 5, 8)} == {
        (2, "90-B3-D5-1F-30-01-00-00"),
        (3, "90-B3-D5-1F-30-02-00-00"),
        (5, "90-B3-D5-1F-30-00-00-04"),
        (8, "90-B3-D5-1F-30-01-00-08"),
    }
    assert not any(cell.role == 3 for cell in cells["GSME"])
    assert {cell.eui for cell in cells["GPF"] if cell.role == 3} == {"90-B3-D5-1F-30-00-00-02"}


def _device(**fields: object) -> dict[str, object]:
    return {"device": "00-00-00-00-00-00-00-01", "type": "ESME", "product": "esme", "status": "Pending", **fields}


@pytest.mark.parametrize(
    ("device", "part"),
    [
        (_device(product="none"), "no product"),
        (_device(type="GSME"), "product esme is ESME"),
        (_device(hub="00-00-00-00-00-00-00-09"), "no device 00-00"),
        (_device(status=None), "has a status"),
        (_device(credentials={"nobody": "00-00-00-00-00-00-00-01"}), "no remote party role nobody"),
        (_device(status="Broken"), "Input should be"),
        (_device(import_mpxn=1312345678111), "valid string"),
        (_device(colour="red"), "Extra inputs"),
    ],
)
def test_a_bad_device_is_refused_with_the_reason(device: dict[str, object], part: str) -> None:
    products = [{"id": "esme", "type": "ESME", "manufacturer": "M", "model": "1"}]
    with pytest.raises(ProtocolError, match=part):
        parse_scenario(json.dumps({"name": "bad", "products": products, "devices": [device]}))


def test_text_that_is_not_yaml_is_refused() -> None:
    with pytest.raises(ProtocolError, match="BAD_SCENARIO"):
        parse_scenario("name: [")


def test_a_step_does_one_thing() -> None:
    story = [{"admin": {"path": "/admin/clock"}, "advance": "P1D"}]
    with pytest.raises(ProtocolError, match="one thing"):
        parse_scenario(json.dumps({"name": "bad", "story": story}))
