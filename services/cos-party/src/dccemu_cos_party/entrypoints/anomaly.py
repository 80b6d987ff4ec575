"""Signed files of threshold anomaly detection, on the CoS Party's own port and its admin port."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from dccemu_runtime.http.signed_files import refusing, signed_file

from ..usecases.anomaly_files import AnomalyFiles

Json = dict[str, Any]


def anomaly_routes(files: AnomalyFiles) -> APIRouter:
    """What a User or a Non-Gateway Supplier calls."""
    router = APIRouter(prefix="/tad/v1", tags=["threshold anomaly detection"])

    @router.post("/thresholds", summary="A signed thresholds file: its rows for 6.23 count at the CoS Party")
    async def thresholds(document: Annotated[Json, Body()]) -> Json:
        return await refusing(files.take_thresholds(signed_file(document)))

    @router.post("/actions", summary="A signed action file: release or delete what the CoS Party has quarantined")
    async def actions(document: Annotated[Json, Body()]) -> Json:
        return await refusing(files.take_actions(signed_file(document)))

    return router


def admin_anomaly_routes(files: AnomalyFiles) -> APIRouter:
    """What an operator of the CoS Party sees and sets."""
    router = APIRouter(prefix="/admin/cos-party", tags=["CoS Party"])

    @router.get("/filed-thresholds", summary="Thresholds of 6.23 from signed files, and which are in force")
    async def shown() -> list[Json]:
        return await files.shown()

    @router.put("/own-thresholds", summary="The CoS Party's own thresholds over all Users, once approved (CSV)")
    async def set_own(
        csv: Annotated[str, Body(max_length=4_000_000)], approved_by: Annotated[str, Body(min_length=1, max_length=200)]
    ) -> Json:
        return await refusing(files.set_own(csv.encode(), approved_by))

    return router
