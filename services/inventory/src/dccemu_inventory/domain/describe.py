"""The status table as a document: made from the table, so that it cannot differ from the code."""

from __future__ import annotations

from .transitions import EVERY_TYPE, HUBS, METERS, NOT_TYPE_2, STATUSES, TABLE, TYPE_1, TYPE_2, Event, transition

_GROUPS = (
    (EVERY_TYPE, "all"),
    (NOT_TYPE_2, "all but IHD, CAD"),
    (NOT_TYPE_2 - {"CHF"}, "all but CHF, IHD, CAD"),
    (METERS | TYPE_1, "meters and Type 1"),
    (METERS, "ESME, GSME"),
    (HUBS, "CHF, GPF"),
    (TYPE_2, "IHD, CAD"),
)
_SHORT = {"InstalledNotCommissioned": "INC"}


def _types(device_types: frozenset[str]) -> str:
    return next((words for group, words in _GROUPS if group == device_types), ", ".join(sorted(device_types)))


def _sources(sources: frozenset[str]) -> str:
    listed = [status for status in STATUSES if status in sources]
    missing = [status for status in STATUSES if status not in sources]
    if len(missing) <= 2 and len(listed) > 4:
        return f"any but {', '.join(missing)}"
    return ", ".join([*listed, *sorted(sources - set(STATUSES))])


def _diagram() -> list[str]:
    """The life of a meter and of a hub as a state diagram: one arrow for each pair, events joined."""
    lines = ["```mermaid", "stateDiagram-v2"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        if row.target.startswith("(") or not row.device_types & (METERS | {"CHF"}):
            continue
        for source in sorted(row.sources, key=lambda name: STATUSES.index(name) if name in STATUSES else -1):
            start = "[*]" if source.startswith("(") else _SHORT.get(source, source)
            events = arrows.setdefault((start, _SHORT.get(row.target, row.target)), [])
            if row.event.value not in events:
                events.append(row.event.value)
    lines += [f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in arrows.items()]
    return [*lines, "```"]


def _matrix(kind: str) -> list[str]:
    """Every cell of one Device type: events down, statuses across, the status after in the cell."""
    statuses = [*STATUSES]
    head = "| event | " + " | ".join(_SHORT.get(status, status) for status in statuses) + " |"
    lines = [f"### {kind}", "", head, "| --- |" + " --- |" * len(statuses)]
    for event in Event:
        rows = [transition(event, status, kind) for status in statuses]
        if any(rows):
            cells = [_SHORT.get(row.target, row.target) if row else "" for row in rows]
            lines.append(f"| {event.value} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def document() -> str:
    """Write ``docs/inventory-statuses.md``."""
    lines = [
        "# Statuses in the Smart Metering Inventory",
        "",
        "Made by `python -m dccemu_inventory.domain.describe` from the one table that the code reads",
        "(`dccemu_inventory/domain/transitions.py`); a test compares. Row numbers are those of the facts that the",
        "table was made from. INC is InstalledNotCommissioned; `(prior)` is the status held before suspension or",
        "recovery; what no row names is refused (rule `INVENTORY_STATUS_CHANGE`, E080405).",
        "",
        "| row | event | from | to | Devices | trigger |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in TABLE:
        cells = (row.row, row.event.value, _sources(row.sources), row.target, _types(row.device_types), row.trigger)
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Life of a meter and of a hub", "", *_diagram(), "", "## Every cell", ""]
    for kind in ("ESME", "GSME", "CHF", "GPF", "HCALCS", "PPMID"):
        lines += _matrix(kind)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 - this is what the command is for
