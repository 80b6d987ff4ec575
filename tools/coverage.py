"""Make ``docs/coverage.md``: every Service Request Variant and use case, and how a simulated Device answers it.

    .venv/bin/python tools/coverage.py [--check]

The page is made from the tables that the code runs on. ``--check`` fails when the committed page is not the one made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from dccemu_protocol import catalogue
from dccemu_protocol.gbcs import zcl
from dccemu_protocol.gbcs.respond import dlms as device
from dccemu_protocol.gbcs.respond import gas_attributes, gas_effects, gbz, rules
from dccemu_protocol.gbcs.respond.rules import member

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"

FIRMWARE = frozenset(["11.1", "11.4"])
"""Non-Device services that end at Devices: CS05b and CS05c, which are no messages of a remote party."""

HEAD = """# Coverage

Made by `tools/coverage.py` from the tables that the code runs on; do not edit.

Every Service Request Variant for a Device is transformed, sent and answered. What a simulated Device does:

* **modelled**: every part of the Command is read from or written to the Device's state by a rule of its own (registers
  move with the Clock, balances with top-ups, cells with credentials);
* **partly**: some parts have a rule of their own, the others are generic;
* **generic**: the Device keeps what is set and gives it back, and answers reads with plausible typed values of the use
  case's shape, status success.

"""


def _is_ruled_dlms(item: list[Any]) -> bool:
    operation, class_id, obis, number = item[:4]
    name = member(f"{class_id}/{obis}/{number}")
    table: Mapping[Any, Any] = {"set": device.SETTERS, "action": device.ACTIONS}.get(operation, device.READERS)
    kept_by_class = operation == "action" and (name.class_id, name.member) in device.CLASS_ACTIONS
    return name in table or kept_by_class or operation == "read log"


def _is_ruled_gbz(item: list[Any]) -> bool:
    name = item[0]
    if name == "read attributes":
        return all((int(item[1], 16), number) in gas_attributes.COMPUTED for number in item[2])
    layout = zcl.layout_named(name)
    control = zcl.CLUSTER_SPECIFIC | (zcl.SERVER_TO_CLIENT if layout.to_client else 0)
    how = rules().commands.get((layout.cluster, control, layout.command_id), "default")
    return (layout.cluster, layout.command_id) in gas_effects.EFFECTS or how in gbz.ANSWERS


def _behaviour(use_case: Mapping[str, Any]) -> str:
    """modelled, partly or generic, from the items of the Command."""
    if use_case["protocol"] not in {"DLMS", "GBZ"}:
        return "modelled"
    is_ruled = _is_ruled_dlms if use_case["protocol"] == "DLMS" else _is_ruled_gbz
    ruled = [is_ruled(item) for item in _items(use_case["command"], use_case["protocol"])]
    return "modelled" if ruled and all(ruled) else "partly" if any(ruled) else "generic"


def _items(command: Any, protocol: str) -> Iterator[list[Any]]:
    """The items of a Command, those inside repetitions and choices too."""
    if isinstance(command, dict):
        for value in command.values():
            yield from _items(value, protocol)
    elif isinstance(command, list):
        first = command[0] if command else None
        is_item = (
            isinstance(first, str) and first in {"get", "set", "action", "read log"} and len(command) >= 4
            if protocol == "DLMS"
            else isinstance(first, str) and (first == "read attributes" or first in _names())
        )
        if is_item:
            yield command
        else:
            for one in command:
                yield from _items(one, protocol)


def _names() -> frozenset[str]:
    return frozenset(zcl.tables().by_name)


def page() -> str:
    """The whole page."""
    data = json.loads((files("dccemu_protocol.gbcs") / "data" / "use_cases.json").read_text("utf-8"))
    served: dict[str, list[tuple[str, str, str, str]]] = {}
    for use_case in data["use_cases"]:
        for service in use_case.get("services") or []:
            row = (use_case["name"], use_case["message_code"], ", ".join(service["devices"]), _behaviour(use_case))
            rows = served.setdefault(service["srv"], [])
            if row not in rows:
                rows.append(row)
    lines = ["| SRV | service | CV | use case | message code | Devices | simulated Device |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    counts: dict[str, int] = {}
    for srv, service in catalogue.service_requests.items():
        variants = ", ".join(str(cv) for cv in service.command_variants)
        rows = served.get(srv, [])
        if not rows:
            what = "firmware distribution" if srv in FIRMWARE else "answered by the DCC"
            lines.append(f"| {srv} | {service.name} | {variants} | | | | {what} |")
        for name, code, devices, behaviour in rows:
            counts[behaviour] = counts.get(behaviour, 0) + 1
            lines.append(f"| {srv} | {service.name} | {variants} | {name} | 0x{code} | {devices} | {behaviour} |")
    total = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return HEAD + f"Rows for Devices: {total}.\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, or check it."""
    made = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") != made:
            sys.exit("docs/coverage.md is not what the tables say: run tools/coverage.py")
        return
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
