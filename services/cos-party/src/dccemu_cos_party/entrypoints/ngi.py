"""The Non-Gateway Interface on its own port, with credentials of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Header, Request

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.http import app as applications
from dccemu_runtime.http.problem import Problem

from ..usecases.non_gateway import NonGateway

Json = dict[str, Any]
_STATUS = {"NGI_CREDENTIALS": 401, "NGI_IS_A_USER": 403}


async def supplier(request: Request, authorization: Annotated[str, Header()] = "") -> str:
    """Who calls: the User ID that the credential belongs to."""
    interface: NonGateway = request.app.state.interface
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() != "bearer" or not token:
            raise ProtocolError("NGI_CREDENTIALS", "send your credentials as Authorization: Bearer")
        return await interface.authenticate(token)
    except ProtocolError as error:
        raise Problem(_STATUS.get(error.rule, 403), error.detail, code=error.rule) from None


Supplier = Annotated[str, Depends(supplier)]


def create_app(interface: NonGateway, unready: Callable[[], list[str]], max_body_bytes: int) -> FastAPI:
    """The application of port 8085."""
    app = applications.create(
        "dccemu: Non-Gateway Interface",
        description="For Suppliers that are not Users: put your credentials on Smart Metering Systems (SEC Section O).",
        unready=unready,
        max_body_bytes=max_body_bytes,
    )

    app.state.interface = interface

    @app.put("/ngi/forecast", summary="Expected requests of a month, and the number that is anomalous", status_code=204)
    async def put_forecast(
        user: Supplier,
        month: Annotated[date, Body()],
        expected: Annotated[int, Body(ge=0)],
        anomalous: Annotated[int | None, Body(ge=0)] = None,
    ) -> None:
        await interface.forecast(user, month, expected, anomalous)

    @app.post("/ngi/requests", summary="Put credentials on a Smart Metering System", status_code=202)
    async def post_request(user: Supplier, request: Request) -> Json:
        return await interface.submit(user, (await request.body()).decode("utf-8", "replace"))

    @app.get("/ngi/requests/{identifier}", summary="How far a request has come")
    async def get_request(user: Supplier, identifier: str) -> Json:
        found = await interface.state(user, identifier)
        if found is None:
            raise Problem(404, f"no request {identifier}", code="UNKNOWN_REQUEST")
        return found

    return app


def ngi_admin_routes(interface: NonGateway) -> APIRouter:
    """Enrolment and overview, on the admin port."""
    router = APIRouter(prefix="/admin/cos-party", tags=["CoS Party"])

    @router.post("/suppliers", summary="Enrol a Non-Gateway Supplier; the credential is shown once", status_code=201)
    async def enrol(values: Annotated[Json, Body()]) -> Json:
        user = str(values.get("user", "")).upper()
        token = await interface.enrol(user, values.get("identity_check") or {}, values.get("threshold"))
        return {"user": user, "token": token}

    @router.get("/suppliers", summary="Enrolled Suppliers, forecasts, requests")
    async def overview() -> Json:
        return await interface.overview()

    @router.get("/ngi-requests/{identifier}", summary="One request of the Non-Gateway Interface")
    async def get_request(identifier: str) -> Json:
        found = await interface.state(None, identifier)
        if found is None:
            raise Problem(404, f"no request {identifier}", code="UNKNOWN_REQUEST")
        return found

    return router
