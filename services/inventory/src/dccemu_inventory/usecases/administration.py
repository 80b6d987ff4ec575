"""Operators' changes to records: seeding and repair by the admin port. They bypass rules, never the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_contracts.trust_anchors import BROKER, NETWORK_OPERATOR, PARTY_NAMES, SUPPLIER, cells_of
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database

from ..adapters.records import Records
from ..domain.expressible import checked
from ..domain.ledger import Cause, HistoryEntry, Ledger
from ..domain.transitions import NEW, NO_STATUS, REMOVED
from .dcc import DccParties


class Administration:
    """Puts and removes records as an operator says."""

    def __init__(self, database: Database, records: Records, dcc: DccParties, clock: Clock) -> None:
        self._database = database
        self._records = records
        self._dcc = dcc
        self._clock = clock

    async def put_device(self, eui: str, fields: Mapping[str, Any]) -> DeviceFact:
        """Make or change a record: the fields given replace those held. ``credentials`` names cells' parties by role.

        Raises
        ------
        ProtocolError
            ``BAD_RECORD`` with the place.
        """
        async with self._database.transaction() as connection:
            index = await self._records.load(connection, [eui])
            ledger = Ledger(index, self._clock.now(), Cause("set by an operator"))
            before = index.device(eui)
            held = before.model_dump() if before else {"id": eui, "version": 0, "device": eui}
            given = dict(fields)
            credentials = given.pop("credentials", None)
            fact = checked(_validated(DeviceFact, {**held, **given, "device": eui, "at": self._clock.now()}))
            if credentials is not None or (before is None and "cells" not in given):
                fact = fact.model_copy(update={"cells": self._cells(fact, credentials or {})})
            old = (before.status or NO_STATUS) if before else NEW
            if old != (fact.status or NO_STATUS):
                fact = fact.model_copy(update={"status_at": self._clock.now()})
                ledger.history.append(_entry(ledger, eui, old, fact.status or NO_STATUS))
            ledger.change(fact)
            await self._records.save(connection, ledger)
        return fact

    async def remove_device(self, eui: str) -> bool:
        """Take a record out; False when there is none."""
        async with self._database.transaction() as connection:
            index = await self._records.load(connection, [eui])
            ledger = Ledger(index, self._clock.now(), Cause("removed by an operator"))
            fact = index.device(eui)
            if fact is None:
                return False
            ledger.history.append(_entry(ledger, eui, fact.status or NO_STATUS, REMOVED))
            ledger.change(fact, removed=True)
            await self._records.save(connection, ledger)
        return True

    async def put_point(self, mpxn: str, fields: Mapping[str, Any]) -> RegistrationFact:
        """Make or change a meter point."""
        async with self._database.transaction() as connection:
            await self._records.lock(connection, [mpxn])
            before = await self._records.point(mpxn)
            held = before.model_dump() if before else {"id": mpxn, "version": 0}
            fact = checked(_validated(RegistrationFact, {**held, **fields, "mpxn": mpxn, "at": self._clock.now()}))
            saved = await self._records.save_points(connection, [fact])
            await self._records.publish(connection, saved)
        return saved[0]

    async def put_party(self, party: str, fields: Mapping[str, Any]) -> PartyFact:
        """Make or change a Party."""
        async with self._database.transaction() as connection:
            await self._records.lock(connection, [f"party {party}"])
            before = (await self._records.parties(connection)).get(party)
            held = before.model_dump() if before else {"id": party, "version": 0, "name": party}
            fact = _validated(PartyFact, {**held, **fields, "party": party, "at": self._clock.now()})
            saved = await self._records.save_parties(connection, [fact])
            await self._records.publish(connection, saved)
        return saved[0]

    def _cells(self, fact: DeviceFact, credentials: Mapping[str, str]) -> tuple[object, ...]:
        unknown = set(credentials) - set(PARTY_NAMES)
        if unknown:
            raise ProtocolError("BAD_RECORD", f"no remote party role {', '.join(sorted(unknown))}", place="credentials")
        dcc = self._dcc.holders()
        held = {cell.role: cell.eui for cell in fact.cells}
        given = {PARTY_NAMES[name]: eui for name, eui in credentials.items()}
        defaults = {SUPPLIER: dcc[BROKER], NETWORK_OPERATOR: dcc[BROKER]}
        return cells_of(fact.type, fact.gbcs_version, {**defaults, **dcc, **held, **given})


def _entry(ledger: Ledger, eui: str, old: str, new: str) -> HistoryEntry:
    return HistoryEntry(eui, old, new, ledger.now, "operator", ledger.cause.text, None, None)


_FactT = TypeVar("_FactT", DeviceFact, RegistrationFact, PartyFact)


def _validated(model: type[_FactT], values: Mapping[str, Any]) -> _FactT:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProtocolError("BAD_RECORD", first["msg"], place=place) from error
