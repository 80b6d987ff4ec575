"""Admin routes of the inventory under ``/admin/inventory``: look, seed, repair, reset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from dccemu_contracts.entitlement import holder
from dccemu_contracts.scenario import parse_scenario
from dccemu_runtime.clock import Clock
from dccemu_runtime.http.problem import Problem

from ..adapters.views import Views
from ..usecases.administration import Administration
from ..usecases.seeding import Seeding
from .settling import Settling

Json = dict[str, Any]


def admin_routes(
    views: Views, administration: Administration, seeding: Seeding, clock: Clock, settling: Settling
) -> APIRouter:
    """Routes for records, registrations, Parties and reset."""
    router = APIRouter(prefix="/admin/inventory", tags=["inventory"], route_class=settling.route_class())

    @router.get("/devices", summary="Inventory records, filtered")
    async def list_devices(
        status: str | None = None,
        type: str | None = None,
        hub: str | None = None,
        mpxn: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: str = "",
    ) -> list[Json]:
        return await views.devices(status=status, kind=type, hub=hub, mpxn=mpxn, limit=limit, after=after)

    @router.get("/devices/{eui}", summary="One record with its status history and duties")
    async def get_device(eui: str) -> Json:
        found = await views.device(eui.upper())
        if found is None:
            raise Problem(404, f"{eui.upper()} is not in the inventory", code="UNKNOWN_DEVICE")
        return found

    @router.put("/devices/{eui}", summary="Make or change a record (seeding and tests: no rule is checked)")
    async def put_device(eui: str, fields: Annotated[Json, Body()]) -> Json:
        return (await administration.put_device(eui.upper(), fields)).model_dump(mode="json")

    @router.delete("/devices/{eui}", summary="Take a record out", status_code=204)
    async def delete_device(eui: str) -> None:
        if not await administration.remove_device(eui.upper()):
            raise Problem(404, f"{eui.upper()} is not in the inventory", code="UNKNOWN_DEVICE")

    @router.get("/registrations", summary="Meter points")
    async def list_points(
        fuel: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = ""
    ) -> list[Json]:
        return await views.points(fuel=fuel, limit=limit, after=after)

    @router.get("/registrations/{mpxn}", summary="A meter point; with `at`, who holds each role at that instant")
    async def get_point(mpxn: str, at: datetime | None = None) -> Json:
        fact = await views.point(mpxn)
        if fact is None:
            raise Problem(404, f"{mpxn} is not in registration data", code="UNKNOWN_METER_POINT")
        instant = at or clock.now()
        held = {role: holder(fact, role, instant) for role in ("IS", "ES", "GS", "ED", "GT", "RSA")}
        return {**fact.model_dump(mode="json"), "held": {role: user for role, user in held.items() if user}}

    @router.put("/registrations/{mpxn}", summary="Make or change a meter point (spans replace those held)")
    async def put_point(mpxn: str, fields: Annotated[Json, Body()]) -> Json:
        return (await administration.put_point(mpxn, fields)).model_dump(mode="json")

    @router.get("/parties", summary="Parties with their User IDs")
    async def list_parties() -> list[Json]:
        return await views.parties()

    @router.get("/parties/{party}", summary="One Party")
    async def get_party(party: str) -> Json:
        for found in await views.parties():
            if found["party"] == party:
                return found
        raise Problem(404, f"no Party {party}", code="UNKNOWN_PARTY")

    @router.put("/parties/{party}", summary="Make or change a Party (users replace those held)")
    async def put_party(party: str, fields: Annotated[Json, Body()]) -> Json:
        return (await administration.put_party(party, fields)).model_dump(mode="json")

    @router.post("/reset", summary="Begin again, with the scenario given as YAML text or with nothing", status_code=204)
    async def reset(text: Annotated[str, Body(media_type="application/yaml")] = "") -> None:
        await seeding.reset(parse_scenario(text) if text.strip() else None)

    return router
