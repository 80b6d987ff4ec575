"""The AsyncAPI document and the contracts say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dccemu_contracts import asyncapi
from dccemu_contracts.envelope import Contract
from dccemu_contracts.registry import MESSAGES
from dccemu_contracts.topics import ALL

COMMITTED = Path(__file__).parents[1] / "asyncapi.json"


def test_the_committed_document_is_what_the_contracts_make() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == asyncapi.text(), (
        "run: .venv/bin/python -m dccemu_contracts.asyncapi shared/contracts/asyncapi.json"
    )


def test_every_topic_is_a_channel_with_its_messages() -> None:
    channels = asyncapi.document()["channels"]

    assert list(channels) == [topic.name for topic in ALL]
    assert all(channel["messages"] for channel in channels.values())


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi.document()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.__name__)
def test_every_message_has_a_topic_and_says_what_it_is(model: type[Contract]) -> None:
    assert model.topic in ALL
    assert model.__doc__


@pytest.mark.parametrize("model", MESSAGES, ids=lambda model: model.__name__)
def test_unknown_fields_are_ignored_and_missing_ones_are_named(model: type[Contract]) -> None:
    schema = model.model_json_schema()
    required = set(schema["required"])

    with pytest.raises(ValueError, match="Field required") as refused:
        model.from_bytes(json.dumps({"of the future": 1}).encode())

    assert required <= {str(error["loc"][0]) for error in refused.value.errors()}  # type: ignore[attr-defined]
    assert model.model_config["extra"] == "ignore"
