"""The interface of Threshold Anomaly Detection: reference numbers, signed files, the report; what an operator sees.

Users come by the ports of DUIS. Over mutual TLS a Party reaches its own User IDs only; the files prove themselves in
any case, because they are signed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from starlette.responses import Response

from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.http.problem import Problem
from dccemu_runtime.http.signed_files import refusing, signed_file

from ..adapters.anomaly import AnomalyRows
from ..usecases.anomaly_files import AnomalyFiles
from ..usecases.anomaly_views import AnomalyViews

Json = dict[str, Any]
IN_TIME = timedelta(minutes=30)
"""Within which a User must be told (Annex E, measure 11)."""


async def _peer(request: Request) -> str | None:
    """The Party that opened the connection; None on plain HTTP."""
    if request.scope.get("scheme") != "https":
        return None
    certificate = (request.scope.get("state") or {}).get("peer_certificate")
    found: str | None = None if certificate is None else request.app.state.party(certificate)
    if found is None:
        raise Problem(403, "the client certificate is missing, unknown or withdrawn", code="PEER_UNKNOWN")
    return found


Peer = Annotated[str | None, Depends(_peer)]


def anomaly_routes(files: AnomalyFiles, views: AnomalyViews) -> APIRouter:
    """What a User calls; the application's state has ``party``, which tells the Party of a client certificate."""
    router = APIRouter(prefix="/tad/v1", tags=["threshold anomaly detection"])

    @router.post("/references", status_code=201, summary="A reference number for one file of a User")
    async def reference(user: Annotated[str, Body(embed=True)], peer: Peer) -> Json:
        return {"reference": await refusing(files.give_reference(str(Eui64.parse(user)), peer))}

    @router.post("/thresholds", summary="A signed thresholds file; the answer acknowledges it")
    async def thresholds(document: Annotated[Json, Body()], peer: Peer) -> Json:
        return await refusing(files.take_thresholds(signed_file(document), peer))

    @router.get("/thresholds", summary="The thresholds of a User, as given and as they count now")
    async def shown(user: str, peer: Peer) -> Json:
        return {"thresholds": await refusing(views.thresholds(str(Eui64.parse(user)), peer))}

    @router.get("/quarantine", summary="The quarantine report of a User (CSV)")
    async def report(user: str, peer: Peer) -> Response:
        content = await refusing(views.report(str(Eui64.parse(user)), peer))
        return Response(content, media_type="text/csv")

    @router.post("/actions", summary="A signed action file: release or delete what is quarantined")
    async def actions(document: Annotated[Json, Body()], peer: Peer) -> Json:
        return await refusing(files.take_actions(signed_file(document), peer))

    return router


def admin_anomaly_routes(files: AnomalyFiles, views: AnomalyViews, rows: AnomalyRows) -> APIRouter:
    """What an operator sees, and how the DCC sets its own thresholds."""
    router = APIRouter(prefix="/gateway/anomaly")

    @router.get("/thresholds", summary="Thresholds of all Users and of the DCC (*), with what counts now")
    async def thresholds(user: str | None = None) -> Json:
        return {"thresholds": await views.thresholds(user and user.upper(), None)}

    @router.put("/dcc-thresholds", summary="The DCC sets thresholds over all Users, once these are approved")
    async def set_by_dcc(
        csv: Annotated[str, Body(max_length=4_000_000)], approved_by: Annotated[str, Body(min_length=1, max_length=200)]
    ) -> Json:
        return await refusing(files.set_by_dcc(csv.encode(), approved_by))

    @router.get("/quarantine", summary="Quarantined requests, newest first; how soon their Users were told")
    async def quarantine(
        user: str | None = None, state: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Json:
        measure = await rows.timely(IN_TIME)
        return {"measure_11": measure, "requests": await rows.shown(user and user.upper(), state, limit)}

    return router
