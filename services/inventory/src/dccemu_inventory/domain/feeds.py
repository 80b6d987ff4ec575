"""Registration Data files: two file forms, one meaning (registration-and-parties.md section 4.3).

Gas style: comma separated, header ``"A00",organisation,"file type",date,time,generation``, trailer ``"Z99",count``.
Electricity style: ``|`` separated, header ``ZHV|generation|flow|from role|from id|to role|to id|timestamp||||``,
trailer ``ZPT|generation|count||groups|timestamp``. File type or flow: RDR Refresh File, RDU Update File. Between them
a record a line, 17 fields in the order of ``FIELDS``.

The official layouts (DTC flows, CSV of the gas industry) are not public to this project: this is its own form.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar

from dccemu_protocol.errors import ProtocolError

from .check_digits import is_mpan, is_mprn

_SOURCE = "registration-and-parties.md 4.3"
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
Fuel = Literal["electricity", "gas"]
Kind = Literal["refresh", "update"]
_KINDS: Mapping[str, Kind] = {"RDR": "refresh", "RDU": "update"}
OBJECTIONS: Mapping[str, Literal["none", "raised", "lifted"]] = {
    "": "none",
    "none": "none",
    "raised": "raised",
    "lifted": "lifted",
}
DIRECTIONS: Mapping[str, Literal["import", "export"]] = {"": "import", "import": "import", "export": "export"}


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the first line of a file says."""

    provider: str
    generation: int
    kind: Kind
    fuel: Fuel


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


@dataclass(frozen=True, slots=True)
class RowError:
    """A bad record: rejected alone, listed in the Response File."""

    number: int
    point: str
    reason: str


def _bad(rule: str, detail: str, place: str = "") -> ProtocolError:
    return ProtocolError(rule, detail, place=place, source=_SOURCE)


def read_head(text: str) -> FileHead:
    """Read the first line.

    Raises
    ------
    ProtocolError
        ``FEED_HEADER``.
    """
    line = text.partition("\n")[0].rstrip("\r")
    try:
        if line.startswith("ZHV|"):
            fields = line.split("|")
            return FileHead(fields[4], int(fields[1]), _KINDS[fields[2]], "electricity")
        fields = next(csv.reader([line]))
        if fields[0] != "A00":
            raise ValueError(fields[0])
        return FileHead(fields[1], int(fields[5]), _KINDS[fields[2]], "gas")
    except (ValueError, KeyError, IndexError, StopIteration) as error:
        raise _bad("FEED_HEADER", f"the first line {line[:60]!r} is not a header: {error!r}", "line 1") from None


def check_count(text: str, head: FileHead) -> int:
    """Compare the number of records with the trailer.

    Raises
    ------
    ProtocolError
        ``FEED_TRAILER`` or ``FEED_COUNT``.
    """
    lines = text.rstrip("\r\n").split("\n")
    line = lines[-1].rstrip("\r")
    try:
        if head.fuel == "electricity":
            fields = line.split("|")
            declared = int(fields[2]) if fields[0] == "ZPT" else None
        else:
            fields = next(csv.reader([line]))
            declared = int(fields[1]) if fields[0] == "Z99" else None
    except (ValueError, IndexError, StopIteration):
        declared = None
    if declared is None or len(lines) < 2:
        raise _bad("FEED_TRAILER", f"the last line {line[:60]!r} is not a trailer", f"line {len(lines)}")
    if declared != len(lines) - 2:
        raise _bad("FEED_COUNT", f"the trailer counts {declared} records, the file has {len(lines) - 2}")
    return declared


def read_rows(text: str, head: FileHead, *, check_digits: bool) -> Iterator[FeedRow | RowError]:
    """Read the records one by one; a bad one is given as a RowError."""
    lines = text.rstrip("\r\n").split("\n")[1:-1]
    split = (line.rstrip("\r").split("|") for line in lines)
    rows: Iterator[list[str]] = split if head.fuel == "electricity" else csv.reader(lines)
    for number, fields in enumerate(rows, start=2):
        values = dict(zip(FIELDS, fields, strict=False))
        try:
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


def response_file(head: FileHead, status: str, accepted: int, errors: list[RowError], detail: str = "") -> str:
    """Write the Response File of one file: gas style, an ``E01`` line for each rejected record."""
    lines = [f'"R00",{head.provider},"{head.kind}",{head.generation:06d},"{status}"']
    if detail:
        lines.append(f'"E00","{detail.replace(chr(34), chr(39))}"')
    lines += [f'"E01",{row.number},{row.point[:13]},"{row.reason.replace(chr(34), chr(39))}"' for row in errors]
    lines.append(f'"R99",{accepted},{len(errors)}')
    return "\n".join(lines) + "\n"
