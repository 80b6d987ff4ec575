"""The registration authority's desk and the service's records (admin port)."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.http.problem import Problem

from ..domain.timing import TARGET_AD_HOC, TARGET_BATCH
from ..usecases import batch_requests, officers, organisations, subscribers, targets
from ..usecases.audit import note
from ..usecases.context import Smki
from .admin_certificates import Call
from .portal_batches import shown_batch


class SubscriberCall(Call):
    party: str = Field(min_length=1, max_length=40)
    organisation: bool = True
    device: bool = False
    test_participant: bool = False
    route: Literal["gateway", "light"] = "gateway"


class OfficerCall(Call):
    id: str = Field(min_length=1, max_length=64)
    party: str
    name: str = Field(min_length=1, max_length=120)
    duty: Literal["SRO", "ARO"]
    organisation: bool = True
    device: bool = True
    users: list[str] | None = None
    nominated_by: str | None = None


class DecisionCall(Call):
    approve: bool
    by: str = "registration authority"
    reason: str = ""


class LimitCall(Call):
    allowed: int = Field(ge=0, le=1_000_000)


class ReportCall(Call):
    stage: Literal[1, 2]
    reference: str = Field(min_length=1, max_length=200)


def router(smki: Smki) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/subscribers", summary="Authorised Subscribers")
    async def all_subscribers() -> list[subscribers.Subscriber]:
        return await subscribers.subscribers(smki)

    @routes.post("/subscribers", status_code=201, summary="Register an Authorised Subscriber; gives its API key")
    async def register(call: SubscriberCall) -> subscribers.Subscriber:
        return await subscribers.register(smki, **call.model_dump())

    @routes.get("/officers", summary="Responsible officers")
    async def all_officers(party: str | None = None) -> list[officers.Officer]:
        return await officers.officers(smki, party)

    @routes.post("/officers", status_code=201, summary="Record an SRO or ARO")
    async def nominate(call: OfficerCall) -> officers.Officer:
        users = None if call.users is None else tuple(str(Eui64.parse(user)) for user in call.users)
        officer = officers.Officer(**{**call.model_dump(), "users": users})
        if any(known.id == officer.id for known in await officers.officers(smki)):
            raise Problem(409, f"there is an officer {officer.id} already", code="NOT_OFFICER")
        await officers.nominate(smki, officer)
        return officer

    @routes.delete("/officers/{officer}", status_code=204, summary="End an officer's nomination")
    async def dismiss(officer: str) -> None:
        await officers.dismiss(smki, officer)

    @routes.get("/requests", summary="Organisation CSRs")
    async def requests(party: str | None = None, status: str | None = None) -> list[dict[str, Any]]:
        return [organisations.shown(row) for row in await organisations.listed(smki, party, status)]

    @routes.post("/requests/{number}", summary="Approve or reject an Organisation CSR")
    async def decide(number: int, call: DecisionCall) -> dict[str, Any]:
        if call.approve:
            return organisations.shown(await organisations.approve(smki, number, call.by))
        return organisations.shown(await organisations.refuse(smki, number, call.by, call.reason))

    @routes.get("/batches", summary="Batches of Device CSRs")
    async def all_batches(party: str | None = None) -> list[dict[str, Any]]:
        return [shown_batch(batch) for batch in await smki.batches.all(party)]

    @routes.post("/batches/{number}", summary="Approve or reject a batch that is pending")
    async def decide_batch(number: int, call: DecisionCall) -> dict[str, Any]:
        await batch_requests.decide(smki, number, approve=call.approve, by=call.by)
        found = await smki.batches.find(number)
        return {} if found is None else shown_batch(found)

    @routes.put("/device-limits/{eui}", summary="Raise the limit of certificates for one Device ID")
    async def limit(eui: str, call: LimitCall) -> dict[str, Any]:
        async with smki.database.transaction() as connection:
            await subscribers.allow_device(smki, connection, Eui64.parse(eui), call.allowed)
        return {"device": eui.upper(), "allowed": call.allowed}

    @routes.get("/audit", summary="What was asked for, by whom, with which outcome")
    async def audit(
        action: str | None = None,
        party: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        rows = await smki.database.pool.fetch(
            "SELECT id, at, action, party, officer, outcome, detail FROM audit WHERE ($1::text IS NULL OR action = $1) "
            "AND ($2::text IS NULL OR party = $2) ORDER BY id DESC LIMIT $3",
            action,
            party,
            limit,
        )
        return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]

    @routes.get("/compliance", summary="Stage reports of the compliance assessment, and the targets")
    async def compliance() -> dict[str, Any]:
        rows = await smki.database.pool.fetch(
            "SELECT name, at, detail FROM records WHERE name LIKE 'compliance %' ORDER BY name"
        )
        return {
            "reports": [{"name": r["name"], "at": r["at"], **json.loads(r["detail"])} for r in rows],
            "targets_in_force": smki.targets_in_force,
            "targets_seconds": {
                targets.AD_HOC: TARGET_AD_HOC.total_seconds(),
                targets.BATCH: TARGET_BATCH.total_seconds(),
            },
        }

    @routes.post("/compliance", status_code=201, summary="Record a stage report (targets count from stage 2 on)")
    async def record(call: ReportCall) -> dict[str, Any]:
        async with smki.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO records (name, at, detail) VALUES ($1, $2, $3::jsonb) ON CONFLICT (name) DO NOTHING",
                f"compliance stage {call.stage}",
                smki.now(),
                json.dumps({"reference": call.reference}),
            )
            await note(smki, connection, "compliance", f"stage {call.stage}", reference=call.reference)
        await targets.load(smki)
        return {"stage": call.stage, "targets_in_force": smki.targets_in_force}

    return routes
