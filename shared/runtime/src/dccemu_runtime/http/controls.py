"""The admin routes that every process has: journal, clock and faults.

A process of its own serves its own journal; the stack's admin port puts the same routes in front of all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol, Self

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from ..clock import EARLIEST, LATEST, Clock
from ..faults import Fault, Faults
from ..journal import Filter, Journal
from .problem import Problem

JsonEntry = Mapping[str, Any]


class JournalSource(Protocol):
    """Where journal entries come from: one service, in this process or in another."""

    async def find(self, wanted: Filter, limit: int) -> Sequence[JsonEntry]: ...

    async def get(self, entry_id: str) -> JsonEntry | None: ...


class LocalJournal:
    """The journal of a service in this process; ``service`` is added to each entry."""

    def __init__(self, service: str, journal: Journal) -> None:
        self._service = service
        self._journal = journal

    async def find(self, wanted: Filter, limit: int) -> Sequence[JsonEntry]:
        return [{"service": self._service, **entry.as_json()} for entry in await self._journal.find(wanted, limit)]

    async def get(self, entry_id: str) -> JsonEntry | None:
        entry = await self._journal.get(entry_id)
        return None if entry is None else {"service": self._service, **entry.as_json()}


async def _find_all(sources: Sequence[JournalSource], wanted: Filter, limit: int) -> list[JsonEntry]:
    found = await asyncio.gather(*(source.find(wanted, limit) for source in sources))
    entries = [entry for part in found for entry in part]
    entries.sort(key=lambda entry: str(entry["at"]), reverse=True)
    return entries[:limit]


def journal_routes(sources: Callable[[], Sequence[JournalSource]]) -> APIRouter:
    """``/admin/journal``: newest first, over all sources."""
    router = APIRouter(prefix="/admin/journal", tags=["journal"])

    def filter_of(
        user: str | None = None,
        device: str | None = None,
        srv: str | None = None,
        request_id: str | None = None,
        stage: str | None = None,
        outcome: str | None = None,
        since: AwareDatetime | None = None,
    ) -> Filter:
        return Filter(user, device, srv, request_id, stage, outcome, since)

    @router.get("", summary="What happened, newest first")
    async def list_entries(
        user: str | None = None,
        device: str | None = None,
        srv: str | None = None,
        request_id: str | None = None,
        stage: str | None = None,
        outcome: str | None = None,
        since: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        wanted = filter_of(user, device, srv, request_id, stage, outcome, since)
        return {"entries": await _find_all(sources(), wanted, limit)}

    @router.get("/wait", summary="Wait until as many entries match")
    async def wait_for_entries(
        user: str | None = None,
        device: str | None = None,
        srv: str | None = None,
        request_id: str | None = None,
        stage: str | None = None,
        outcome: str | None = None,
        since: AwareDatetime | None = None,
        count: Annotated[int, Query(ge=1, le=1000)] = 1,
        timeout: Annotated[float, Query(ge=0, le=60)] = 10.0,
    ) -> dict[str, Any]:
        wanted = filter_of(user, device, srv, request_id, stage, outcome, since)
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            entries = await _find_all(sources(), wanted, max(count, 100))
            if len(entries) >= count or asyncio.get_running_loop().time() >= deadline:
                return {"complete": len(entries) >= count, "entries": entries}
            await asyncio.sleep(0.05)

    @router.get("/{entry_id}", summary="One entry: every check it met, with what was expected and found")
    async def read_entry(entry_id: str) -> JsonEntry:
        for source in sources():
            entry = await source.get(entry_id)
            if entry is not None:
                return entry
        raise HTTPException(404, f"no journal entry has the id {entry_id!r}; GET /admin/journal lists those kept")

    return router


class ClockState(BaseModel):
    """What the Clock shows and whether it stands still."""

    now: datetime
    frozen: bool


class ClockChange(BaseModel):
    """Set the Clock: to ``now`` if given; ``frozen`` true stops it there, false lets it run. One of both is needed."""

    model_config = ConfigDict(extra="forbid")

    now: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = None
    frozen: bool | None = None

    @field_validator("now", mode="before")
    @classmethod
    def _iso_8601(cls, value: object) -> object:
        """A bare number would be taken for seconds since 1970."""
        if (isinstance(value, str) and "-" in value) or value is None:
            return value
        raise ValueError("must be an ISO 8601 instant, such as 2015-01-01T00:00:00Z")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.now is None and self.frozen is None:
            raise ValueError("now, frozen or both must be given")
        return self


class ClockAdvance(BaseModel):
    """Move the Clock forward."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(ge=0, le=100 * 366 * 86400, allow_inf_nan=False)


def clock_routes(clock: Clock, announce: Callable[[], Awaitable[None]]) -> APIRouter:
    """``/admin/clock``; ``announce`` tells the other processes."""
    router = APIRouter(prefix="/admin/clock", tags=["clock"])

    def state() -> ClockState:
        return ClockState(now=clock.now(), frozen=clock.is_frozen)

    @router.get("", summary="What the Clock shows")
    async def read() -> ClockState:
        return state()

    @router.put("", summary="Set, freeze or resume the Clock")
    async def change(wanted: ClockChange) -> ClockState:
        if wanted.now is not None:
            clock.set(wanted.now)
        if wanted.frozen is True:
            clock.freeze(wanted.now)
        elif wanted.frozen is False:
            clock.resume()
        await announce()
        return state()

    @router.post("/advance", summary="Move the Clock forward; everything that falls due happens")
    async def advance(by: ClockAdvance) -> ClockState:
        if by.seconds > (LATEST - clock.now()).total_seconds():
            place = [{"place": "body/seconds", "detail": f"leads beyond {LATEST.isoformat()}"}]
            detail = f"body/seconds: {by.seconds:g} s from {clock.now().isoformat()} lead beyond {LATEST.isoformat()}"
            raise Problem(422, detail, code="INVALID_CALL", errors=place)
        clock.advance(timedelta(seconds=by.seconds))
        await announce()
        return state()

    return router


def fault_routes(faults: Faults, announce: Callable[[], Awaitable[None]]) -> APIRouter:
    """``/admin/faults``; ``announce`` tells the other processes."""
    router = APIRouter(prefix="/admin/faults", tags=["faults"])

    @router.get("", summary="The faults in force")
    async def list_faults() -> dict[str, list[Fault]]:
        return {"faults": faults.all()}

    @router.post("", status_code=201, summary="Make something go wrong")
    async def add(fault: Fault) -> Fault:
        faults.put(fault)
        await announce()
        return fault

    @router.delete("", status_code=204, summary="End all faults")
    async def clear() -> None:
        faults.clear()
        await announce()

    @router.delete("/{fault_id}", status_code=204, summary="End one fault")
    async def remove(fault_id: str) -> None:
        if not faults.remove(fault_id):
            raise HTTPException(404, f"no fault has the id {fault_id!r}; GET /admin/faults lists those in force")
        await announce()

    return router
