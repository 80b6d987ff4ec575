"""Registration Data files: two file forms, one meaning (registration-and-parties.md section 4.3).

Gas style: comma separated, header ``"A00",organisation,"file type",date,time,generation``, trailer ``"Z99",count``.
Electricity style: ``|`` separated, header ``ZHV|generation|flow|from role|from id|to role|to id|timestamp||||``,
trailer ``ZPT|generation|count||groups|timestamp``. File type or flow: RDR Refresh File, RDU Update File. Between them
a record a line (``feeds``).

The official layouts (DTC flows, CSV of the gas industry) are not public to this project: this is its own form.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dccemu_protocol.errors import ProtocolError

_SOURCE = "registration-and-parties.md 4.3"
Fuel = Literal["electricity", "gas"]
Kind = Literal["refresh", "update"]
_TRAILERS: Mapping[Fuel, str] = {"electricity": "ZPT", "gas": "Z99"}
_KINDS: Mapping[str, Kind] = {"RDR": "refresh", "RDU": "update"}


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the first line of a file says."""

    provider: str
    generation: int
    kind: Kind
    fuel: Fuel


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
    end = text.find("\n")
    line = (text if end < 0 else text[:end]).rstrip("\r")
    try:
        if line.startswith("ZHV|"):
            fields = fields_of(line, "electricity")
            return FileHead(fields[4], int(fields[1]), _KINDS[fields[2]], "electricity")
        fields = fields_of(line, "gas")
        if fields[0] != "A00":
            raise ValueError(fields[0])
        return FileHead(fields[1], int(fields[5]), _KINDS[fields[2]], "gas")
    except (ValueError, KeyError, IndexError) as error:
        raise _bad("FEED_HEADER", f"the first line {line[:60]!r} is not a header: {error!r}", "line 1") from None


def check_count(text: str, head: FileHead) -> int:
    """Compare the number of records with the trailer.

    Raises
    ------
    ProtocolError
        ``FEED_TRAILER`` or ``FEED_COUNT``.
    """
    end = len(text.rstrip("\r\n"))
    count = text.count("\n", 0, end) - 1
    line = text[text.rfind("\n", 0, end) + 1 : end]
    try:
        fields = fields_of(line, head.fuel)
        place = 2 if head.fuel == "electricity" else 1
        declared = int(fields[place]) if fields[0] == _TRAILERS[head.fuel] else None
    except (ValueError, IndexError):
        declared = None
    if declared is None or count < 0:
        raise _bad("FEED_TRAILER", f"the last line {line[:60]!r} is not a trailer", f"line {count + 2}")
    if declared != count:
        raise _bad("FEED_COUNT", f"the trailer counts {declared} records, the file has {count}")
    return declared


def fields_of(line: str, fuel: Fuel) -> list[str]:
    """Cut one line; a quotation mark that is never closed ends with its line."""
    if fuel == "electricity":
        return line.split("|")
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"the line cannot be read: {error}") from None


def records(text: str) -> Iterator[str]:
    """Give the lines between header and trailer one by one: a file may have millions."""
    start, end = text.find("\n") + 1, text.rfind("\n", 0, len(text.rstrip("\r\n"))) + 1
    while start < end:
        stop = text.index("\n", start)
        yield text[start:stop].rstrip("\r")
        start = stop + 1


def response_file(head: FileHead, status: str, accepted: int, errors: list[RowError], detail: str = "") -> str:
    """Write the Response File of one file: gas style, an ``E01`` line for each rejected record."""
    lines = [f'"R00",{head.provider},"{head.kind}",{head.generation:06d},"{status}"']
    if detail:
        lines.append(f'"E00","{detail.replace(chr(34), chr(39))}"')
    lines += [f'"E01",{row.number},{_plain(row.point)},"{row.reason.replace(chr(34), chr(39))}"' for row in errors]
    lines.append(f'"R99",{accepted},{len(errors)}')
    return "\n".join(lines) + "\n"


def _plain(point: str) -> str:
    """A point as sent, without what would break the line of the Response File."""
    return "".join(mark for mark in point[:13] if mark.isalnum())
