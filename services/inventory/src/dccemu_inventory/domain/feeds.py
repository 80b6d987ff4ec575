"""Records of Registration Data files (registration-and-parties.md section 4.3): 17 fields as ``FIELDS`` has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar

from .check_digits import is_mpan, is_mprn
from .expressible import PLACE, unspeakable
from .feed_files import FileHead, Fuel, RowError, fields_of, records

FIELDS = (
    "action",
    "point",
    "direction",
    "supplier",
    "effective_from",
    "effective_to",
    "network",
    "agent",
    "agent_from",
    "agent_to",
    "status",
    "energised",
    "domestic",
    "objection",
    "post_code",
    "address_identifier",
    "uprn",
)
_Value = TypeVar("_Value")
OBJECTIONS: Mapping[str, Literal["none", "raised", "lifted"]] = {
    "": "none",
    "none": "none",
    "raised": "raised",
    "lifted": "lifted",
}
DIRECTIONS: Mapping[str, Literal["import", "export"]] = {"": "import", "import": "import", "export": "export"}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A good record: one registration of one meter point."""

    number: int
    action: Literal["I", "U", "D"]
    point: str
    direction: Literal["import", "export"]
    supplier: str
    effective_from: date
    effective_to: date | None
    network: str
    agent: str | None
    agent_from: date | None
    agent_to: date | None
    status: str
    energised: bool
    domestic: bool
    objection: Literal["none", "raised", "lifted"]
    post_code: str | None
    address_identifier: str | None
    uprn: str | None


def read_rows(text: str, head: FileHead, *, check_digits: bool) -> Iterator[FeedRow | RowError]:
    """Read the records one by one; a bad one is given as a RowError."""
    for number, line in enumerate(records(text), start=2):
        values: Mapping[str, str] = {}
        try:
            fields = fields_of(line, head.fuel)
            values = dict(zip(FIELDS, fields, strict=False))
            if len(fields) != len(FIELDS):
                raise ValueError(f"{len(fields)} fields, not {len(FIELDS)}")
            yield _row(number, values, head.fuel, check_digits=check_digits)
        except ValueError as error:
            yield RowError(number, values.get("point", ""), str(error))


def _row(number: int, values: Mapping[str, str], fuel: Fuel, *, check_digits: bool) -> FeedRow:
    action = values["action"]
    if action not in ("I", "U", "D"):
        raise ValueError(f"action {action!r} is not I, U or D")
    since, until = _day(values, "effective_from"), _optional_day(values, "effective_to")
    if until is not None and until < since:
        raise ValueError("effective to lies before effective from")
    if not values["supplier"] or not values["network"]:
        raise ValueError("supplier and network must be given")
    found = unspeakable({name: values[name] or None for name in PLACE})
    if found is not None:
        raise ValueError(f"{found[0]}: {found[1]}")
    return FeedRow(
        number=number,
        action=action,  # type: ignore[arg-type]
        point=_point(values["point"], fuel, check_digits=check_digits),
        direction=_of(DIRECTIONS, values, "direction"),
        supplier=values["supplier"],
        effective_from=since,
        effective_to=until,
        network=values["network"],
        agent=values["agent"] or None,
        agent_from=_optional_day(values, "agent_from"),
        agent_to=_optional_day(values, "agent_to"),
        status=values["status"] or "registered",
        energised=_flag(values, "energised"),
        domestic=_flag(values, "domestic"),
        objection=_of(OBJECTIONS, values, "objection"),
        post_code=values["post_code"] or None,
        address_identifier=values["address_identifier"] or None,
        uprn=values["uprn"] or None,
    )


def _point(text: str, fuel: Fuel, *, check_digits: bool) -> str:
    digits = text.isascii() and text.isdigit()
    if fuel == "electricity" and not (digits and len(text) == 13):
        raise ValueError(f"MPAN {text[:20]!r} has not 13 digits")
    if fuel == "gas" and not (digits and 1 <= len(text) <= 10):
        raise ValueError(f"MPRN {text[:20]!r} has not 1 to 10 digits")
    if check_digits and not (is_mpan(text) if fuel == "electricity" else is_mprn(text)):
        raise ValueError(f"{text} has a wrong check digit")
    return text


def _day(values: Mapping[str, str], name: str) -> date:
    text = values[name]
    if len(text) != 8 or not text.isdigit():
        raise ValueError(f"{name} {text[:20]!r} is not YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _optional_day(values: Mapping[str, str], name: str) -> date | None:
    return _day(values, name) if values[name] else None


def _flag(values: Mapping[str, str], name: str) -> bool:
    if values[name] not in ("Y", "N"):
        raise ValueError(f"{name} {values[name][:20]!r} is not Y or N")
    return values[name] == "Y"


def _of(choices: Mapping[str, _Value], values: Mapping[str, str], name: str) -> _Value:
    if values[name] not in choices:
        raise ValueError(f"{name} {values[name][:20]!r} is not one of {', '.join(filter(None, choices))}")
    return choices[values[name]]
