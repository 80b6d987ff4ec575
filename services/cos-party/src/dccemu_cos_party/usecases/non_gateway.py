"""The Non-Gateway Interface: enrolment, forecast, requests, and how far each has come (cos-party.md section 6)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.cos import CosRequest
from dccemu_contracts.entitlement import SWITCH_HOUR, holder, meters_of, span_at, starts_at
from dccemu_contracts.inventory import DeviceFact, UserFact
from dccemu_contracts.trust_anchors import SUPPLIER
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.pki import Usage, check_path
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal
from dccemu_runtime.outbox import Outbox

from ..adapters.book import Book
from ..adapters.facts import Facts
from ..domain.ngi import NgiDocument, read_document, verify_document

TERM = timedelta(hours=24)
_SOURCE = "cos-party.md 6"
_HOLDING = frozenset({"ESME", "GSME", "GPF", "HCALCS"})
_ENROL = """
INSERT INTO suppliers (user_, party, token_digest, identity_check, enrolled_at) VALUES ($1, $2, $3, $4::jsonb, $5)
ON CONFLICT (user_) DO UPDATE SET token_digest = EXCLUDED.token_digest, identity_check = EXCLUDED.identity_check,
  withdrawn = false"""
_BY_CREDENTIAL = "SELECT user_ FROM suppliers WHERE token_digest = $1 AND NOT withdrawn"
_FORECAST = """
INSERT INTO forecasts (user_, month, expected, given_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_, month) DO UPDATE SET expected = EXCLUDED.expected, given_at = EXCLUDED.given_at"""
_KEEP = """
INSERT INTO ngi_requests (id, user_, mpxn, received_at, responsible_since, late, devices, document, rule, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_STATES = {"signed": "Sent", "held": "WithCoS", "refused": "Failed", "quarantined": "Quarantined"}


@dataclass(slots=True)
class NgiTools:
    """What the interface needs."""

    database: Database
    facts: Facts
    book: Book
    outbox: Outbox
    journal: Journal
    clock: Clock
    entropy: Entropy
    threshold: int


class NonGateway:
    """Use cases of the interface."""

    def __init__(self, tools: NgiTools) -> None:
        self._tools = tools

    async def enrol(self, user: str, identity_check: Mapping[str, object], threshold: int | None) -> str:
        """Enrol a Supplier after its organisation and its people were identified; gives the credential, once.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_USER``, ``NOT_ELIGIBLE`` or ``NGI_IDENTITY_CHECK``.
        """
        party, _ = self._supplier(user)
        if not identity_check.get("verified_by") or not identity_check.get("documents"):
            detail = "the identity check needs verified_by and documents"
            raise ProtocolError("NGI_IDENTITY_CHECK", detail, source=_SOURCE)
        tools = self._tools
        token = tools.entropy.octets(32).hex()
        record = json.dumps(identity_check)
        await tools.database.pool.execute(_ENROL, user, party, _digest(token), record, tools.clock.now())
        maximum = tools.threshold if threshold is None else threshold
        await tools.book.set_threshold(user, maximum, None, None, "non-gateway Supplier")
        return token

    def _supplier(self, user: str) -> tuple[str, UserFact]:
        for fact in self._tools.facts.parties.values():
            for one in fact.users:
                if one.user == user:
                    if not {"IS", "GS"} & set(one.roles):
                        raise ProtocolError("NOT_ELIGIBLE", f"{user} is not a Supplier's User ID", source=_SOURCE)
                    return fact.party, one
        raise ProtocolError("UNKNOWN_USER", f"{user} belongs to no Party", source=_SOURCE)

    async def authenticate(self, token: str) -> str:
        """Give the User ID of a credential.

        Raises
        ------
        ProtocolError
            ``NGI_CREDENTIALS``; ``NGI_IS_A_USER`` when the Supplier has completed User Entry and must use DUIS.
        """
        user: str | None = await self._tools.database.pool.fetchval(_BY_CREDENTIAL, _digest(token))
        if user is None:
            raise ProtocolError("NGI_CREDENTIALS", "no enrolled Supplier has these credentials", source=_SOURCE)
        _, fact = self._supplier(user)
        if any(fact.roles.get(role) == "Active" for role in ("IS", "GS")) and fact.is_gateway_user:
            raise ProtocolError("NGI_IS_A_USER", f"{user} has completed User Entry: send 6.23", source=_SOURCE)
        return user

    async def forecast(self, user: str, month: date, expected: int, anomalous: int | None) -> None:
        """The number of requests expected in a month; the number called anomalous is the threshold from now on."""
        tools = self._tools
        await tools.database.pool.execute(_FORECAST, user, month.replace(day=1), expected, tools.clock.now())
        if anomalous is not None:
            await tools.book.set_threshold(user, anomalous, None, None, user)

    async def submit(self, user: str, text: str) -> dict[str, Any]:
        """Take one request: the checks of 6.23 at the gateway, then one request for each Device to the CoS Party."""
        tools = self._tools
        identifier, now = tools.entropy.uuid(), tools.clock.now()
        mpxn, since, devices = "", None, list[DeviceFact]()
        failure: ProtocolError | None = None
        try:
            document = read_document(text)
            mpxn = document.text("mpxn")
            since = self._check(document, user, now)
            devices = self._devices(document, mpxn)
        except ProtocolError as error:
            failure = error
        late = since is not None and now - since > TERM
        async with tools.database.transaction() as connection:
            ids = [await self._hand_over(connection, user, device, text) for device in devices] if not failure else []
            rule, detail = (failure.rule, failure.detail) if failure else (None, None)
            await connection.execute(_KEEP, identifier, user, mpxn, now, since, late, ids, text, rule, detail)
            await tools.journal.add(connection, self._entry(identifier, user, text, failure, late, ids))
        if failure is not None:
            raise failure
        return {"id": identifier, "state": "WithCoS", "late": late, "requests": ids}

    def _check(self, document: NgiDocument, user: str, now: datetime) -> datetime:
        """Authenticity, integrity, eligibility; gives since when the Supplier is responsible."""
        if document.text("user").upper() != user:
            raise ProtocolError("NGI_CREDENTIALS", f"{user} signed in, the request is {document.text('user')}'s")
        signer = self._tools.facts.signer(document.issuer, document.serial)
        if signer is None:
            raise ProtocolError("SIGNATURE_SIGNER_UNKNOWN", "the signing certificate is not known", source=_SOURCE)
        owner = Eui64.parse(user)
        check_path(signer, self._tools.facts.store, now, roles={SUPPLIER}, usage=Usage.DIGITAL_SIGNATURE, owner=owner)
        verify_document(document, signer)
        mpxn = document.text("mpxn")
        point = self._tools.facts.records.registration(mpxn)
        role = "GS" if point is not None and point.fuel == "gas" else "IS"
        if point is None or holder(point, role, now) != user:
            raise ProtocolError("COS_NOT_REGISTERED", f"{mpxn} is not registered to {user}", source=_SOURCE)
        span = span_at(point, role, now)
        assert span is not None
        return starts_at(span.effective_from, SWITCH_HOUR[point.fuel])

    def _devices(self, document: NgiDocument, mpxn: str) -> list[DeviceFact]:
        """The Devices named, or all of the fuel's system that hold Supplier credentials."""
        records = self._tools.facts.records
        system = {
            device.device: device
            for meter in records.at_mpxn(mpxn)
            for device in (meter, *records.joined_to(meter.device), *self._proxy(meter))
            if device.type in _HOLDING
            and device.status not in ("Pending", "Decommissioned", "Withdrawn")
            and any(one.device == meter.device for one in meters_of(device, records))
        }
        wanted = document.devices or tuple(system)
        if not wanted or any(eui not in system for eui in wanted):
            strangers = ", ".join(eui for eui in wanted if eui not in system) or "none"
            raise ProtocolError("COS_MPXN", f"Devices at {mpxn} that cannot take credentials: {strangers}")
        return [system[eui] for eui in wanted]

    def _proxy(self, meter: DeviceFact) -> list[DeviceFact]:
        found = self._tools.facts.records.device(meter.gpf) if meter.gpf else None
        return [found] if found is not None else []

    async def _hand_over(self, connection: PoolConnectionProxy, user: str, device: DeviceFact, text: str) -> str:
        tools = self._tools
        counter = await tools.book.next_counter(connection, tools.clock.now())
        request_id = str(RequestId(Eui64.parse(user), Eui64.parse(device.device), counter))
        handed = CosRequest(
            id=tools.entropy.uuid(),
            at=tools.clock.now(),
            request_id=request_id,
            device=device.device,
            document=text,
            submitter="ngi",
        )
        await tools.outbox.add(connection, handed)
        return request_id

    def _entry(
        self, identifier: str, user: str, text: str, failure: ProtocolError | None, late: bool, ids: list[str]
    ) -> Entry:
        rule, got = (failure.rule, failure.detail) if failure else ("NGI_CHECKED", ", ".join(ids))
        return Entry(
            id=self._tools.entropy.uuid(),
            at=self._tools.clock.now(),
            stage="non-gateway interface",
            outcome="refused" if failure else "handed over",
            request_id=identifier,
            user=user,
            srv="6.23",
            checks=(Check(rule, failure is None, "authentic, complete, registered", got, _SOURCE),),
            detail={"late": late},
            message=text.encode(),
        )

    async def state(self, user: str | None, identifier: str) -> dict[str, Any] | None:
        """Say how far a request has come, Device by Device."""
        pool = self._tools.database.pool
        row = await pool.fetchrow("SELECT * FROM ngi_requests WHERE id = $1", identifier)
        if row is None or (user is not None and row["user_"] != user):
            return None
        parts = [await self._part(row["user_"], request_id) for request_id in row["devices"]]
        since: datetime | None = row["responsible_since"]
        return {
            "id": identifier,
            "user": row["user_"],
            "mpxn": row["mpxn"],
            "received_at": row["received_at"].isoformat(),
            "responsible_since": since.isoformat() if since else None,
            "late": row["late"],
            "refused": row["rule"],
            "detail": row["detail"],
            "devices": parts,
        }

    async def _part(self, user: str, request_id: str) -> dict[str, Any]:
        decided = await self._tools.book.find(request_id)
        device = request_id.split(":")[1]
        state = "WithCoS" if decided is None else _STATES[str(decided["state"])]
        fact = self._tools.facts.records.device(device)
        held = {cell.eui for cell in fact.cells if cell.role == SUPPLIER} if fact else set()
        if state == "Sent" and held == {user}:
            state = "Succeeded"
        rule = None if decided is None else decided["rule"]
        return {"request_id": request_id, "device": device, "state": state, "rule": rule}

    async def overview(self) -> dict[str, Any]:
        """Enrolled Suppliers, forecasts against what came, requests, those that were late."""
        pool = self._tools.database.pool
        suppliers = await pool.fetch(
            "SELECT user_ AS user, party, identity_check, enrolled_at, withdrawn FROM suppliers ORDER BY 1"
        )
        forecasts = await pool.fetch(
            "SELECT f.user_ AS user, f.month, f.expected, (SELECT count(*) FROM ngi_requests r WHERE r.user_ = f.user_"
            " AND date_trunc('month', r.received_at) = f.month) AS received FROM forecasts f ORDER BY 1, 2"
        )
        requests = await pool.fetch("SELECT id, late FROM ngi_requests ORDER BY received_at DESC LIMIT 1000")
        return {
            "suppliers": [{**_plain(row), "identity_check": json.loads(row["identity_check"])} for row in suppliers],
            "forecasts": [{**_plain(row), "exceeded": row["received"] > row["expected"]} for row in forecasts],
            "requests": [row["id"] for row in requests],
            "late": [row["id"] for row in requests if row["late"]],
        }


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _plain(row: Any) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
