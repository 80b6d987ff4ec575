"""The admin application of the stack: probes, metrics, journal, clock, faults, reset and the services' own routes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import httpx
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from dccemu_runtime.http import app as applications
from dccemu_runtime.http import controls, problem
from dccemu_runtime.service import Runtime

OWNERS: Mapping[str, str] = {
    "deliveries": "gateway",
    "gateway": "gateway",
    "devices": "sm-wan",
    "sm-wan": "sm-wan",
    "smki": "smki",
    "inventory": "inventory",
    "cos-party": "cos-party",
}
"""First segment below ``/admin`` and the service that answers it."""

_LARGEST_BODY = 16 * 1024 * 1024
"""Octets; the firmware image of a hub in base64 is the largest thing an operator sends."""

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


class ResetRefused(Exception):
    """The suite cannot be reset as it runs; the text says why and what would work."""


class House(Protocol):
    """What the admin application asks of the running suite."""

    def unready(self) -> list[str]: ...

    def journals(self) -> Sequence[controls.JournalSource]: ...

    def urls(self) -> dict[str, str]: ...

    def introduction(self) -> dict[str, str]: ...


def create(house: House, runtime: Runtime, reset: Callable[[], Awaitable[None]]) -> FastAPI:
    """The admin application; the services' own routes are added by ``mount`` or ``proxy``."""
    app = applications.create("dccemu admin", unready=house.unready, metrics=REGISTRY, max_body_bytes=_LARGEST_BODY)
    app.include_router(controls.journal_routes(house.journals))
    app.include_router(controls.clock_routes(runtime.clock, runtime.announce_clock))
    app.include_router(controls.fault_routes(runtime.faults, runtime.announce_faults))
    router = APIRouter(prefix="/admin", tags=["suite"])

    @router.post(
        "/reset", status_code=204, summary="Back to the scenario: everything but keys and certificates is forgotten"
    )
    async def reset_suite() -> None:
        try:
            await reset()
        except ResetRefused as refused:
            raise problem.Problem(409, str(refused)) from refused

    @router.get("/users", summary="Where the suite listens and where a client finds the Users' keys")
    async def introduce() -> dict[str, str]:
        return {**house.urls(), "pid": str(os.getpid()), **house.introduction()}

    app.include_router(router)
    return app


def proxy(app: FastAPI, client: httpx.AsyncClient, admin_url: Callable[[str], str | None]) -> None:
    """Pass ``/admin/<segment>/...`` to the process of the service that owns the segment."""

    async def forward(request: Request) -> Response:
        segment = request.path_params["segment"]
        owner = OWNERS.get(segment)
        if owner is None:
            return problem.response(404, f"no service owns /admin/{segment}; known: {', '.join(sorted(OWNERS))}")
        base = admin_url(owner)
        if base is None:
            return problem.response(503, f"{owner} is not up")
        url = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {name: value for name, value in request.headers.items() if name not in {"host", *_HOP}}
        try:
            answer = await client.request(request.method, url, content=await request.body(), headers=headers)
        except httpx.TransportError as error:
            return problem.response(503, f"{owner} does not answer: {type(error).__name__}")
        kept: dict[str, Any] = {name: value for name, value in answer.headers.items() if name not in _HOP}
        return Response(answer.content, answer.status_code, kept)

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    app.add_route("/admin/{segment}", forward, methods=methods, include_in_schema=False)
    app.add_route("/admin/{segment}/{rest:path}", forward, methods=methods, include_in_schema=False)
