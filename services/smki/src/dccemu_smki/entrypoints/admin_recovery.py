"""The recovery procedure (admin port)."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from dccemu_protocol.identifiers import Eui64

from ..usecases.context import Smki
from ..usecases.recover import start_recovery
from ..usecases.recovery_views import recoveries
from .admin_certificates import Call


class RecoveryCall(Call):
    """Way ``recovery``: the subscriber's new certificates; ``acb``: the broker's, to be taken over with 6.21."""

    way: Literal["recovery", "acb"]
    user: str = Field(description="the EUI-64 whose keys are compromised")
    notified_by: str = Field(default="SRO", min_length=1, max_length=64)
    devices: list[str] = Field(default=[], max_length=10_000)
    floor: int = Field(default=0, ge=0, lt=2**63)


def router(smki: Smki) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/recoveries", summary="Recoveries with the state of each Device")
    async def all_recoveries() -> list[dict[str, Any]]:
        return await recoveries(smki)

    @routes.post("/recoveries", status_code=201, summary="Start a recovery: mode-8 Commands signed by the Recovery key")
    async def start(call: RecoveryCall) -> dict[str, Any]:
        number = await start_recovery(
            smki,
            call.way,
            Eui64.parse(call.user),
            call.notified_by,
            [Eui64.parse(device) for device in call.devices],
            floor=call.floor,
        )
        return next(one for one in await recoveries(smki) if one["id"] == number)

    return routes
