"""The AsyncAPI document of the bus, made from the contracts and never edited by hand.

``python -m dccemu_contracts.asyncapi FILE`` writes it; a test compares the committed file with what is made.
Source: AsyncAPI 3.0.0.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from .envelope import Contract
from .registry import MESSAGES
from .topics import ALL, Topic

_SCHEMAS = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """The whole document as plain JSON."""
    _, schemas = models_json_schema([(model, "validation") for model in MESSAGES], ref_template=_SCHEMAS)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dccemu bus",
            "version": "1.0.0",
            "description": (
                "TEST ONLY. The messages between the services of the emulator. Within a major version changes are "
                "additive and unknown fields are ignored; a message may arrive twice; order is kept per key."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in ALL},
        "operations": _operations(),
        "components": {
            "messages": {model.__name__: _message(model) for model in MESSAGES},
            "schemas": dict(sorted(schemas["$defs"].items())),
        },
    }


def text() -> str:
    """The document as the committed file holds it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _models(topic: Topic) -> list[type[Contract]]:
    return [model for model in MESSAGES if model.topic is topic]


def _channel(topic: Topic) -> dict[str, Any]:
    kept = "The newest message of each key is kept and can be read from nothing." if topic.compacted else ""
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. {kept}".strip(),
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in _models(topic)},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic in ALL:
        channel = {"$ref": f"#/channels/{topic.name}"}
        operations[f"send {topic.name}"] = {"action": "send", "channel": channel}
        for consumer in topic.consumers:
            operations[f"{consumer} receives {topic.name}"] = {"action": "receive", "channel": channel}
    return operations


def _message(model: type[Contract]) -> dict[str, Any]:
    return {
        "name": model.__name__,
        "summary": inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " "),
        "payload": {"$ref": _SCHEMAS.format(model=model.__name__)},
        "headers": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "the message id, as in the payload"},
                "type": {"const": model.__name__},
                "traceparent": {"type": "string", "description": "W3C trace context"},
            },
            "required": ["id", "type"],
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": model.topic.key}, "bindingVersion": "0.5.0"}},
    }


def main() -> None:
    """Write the document to the file named on the command line."""
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
