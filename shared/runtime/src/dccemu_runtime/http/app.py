"""The application factory: FastAPI with problem documents, probes, metrics and an OpenAPI page that works offline."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Depends, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from . import problem
from .docs import PAGE
from .limits import BodyLimit
from .strict import known_query

_TEST_ONLY = "TEST ONLY: an emulator, not a part of the smart metering system."


def create(
    title: str,
    *,
    description: str = "",
    version: str = "0.1.0",
    unready: Callable[[], list[str]] | None = None,
    metrics: CollectorRegistry | None = None,
    max_body_bytes: int = 4 * 1024 * 1024,
) -> FastAPI:
    """An application without routes of its own but the docs page.

    Parameters
    ----------
    unready
        With it the application has ``/livez`` and ``/readyz``: 503 and the unmet conditions until the list is empty.
    metrics
        With it the application has ``/metrics``.
    max_body_bytes
        Larger bodies are refused with 413.
    """
    app = FastAPI(
        title=title,
        description=f"{_TEST_ONLY} {description}".strip(),
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        dependencies=[Depends(known_query)],
    )
    problem.install(app)
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_route("/docs", _docs, methods=["GET"], include_in_schema=False)
    if unready is not None:
        add_probes(app, unready)
    if metrics is not None:
        add_metrics(app, metrics)
    return app


def add_probes(app: FastAPI, unready: Callable[[], list[str]]) -> None:
    """Liveness: the process runs. Readiness: 503 with the unmet conditions until there are none."""

    @app.get("/livez", summary="The process runs", tags=["probes"])
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", summary="Migrations, seed, consumers and certificates are done", tags=["probes"])
    async def readyz() -> Response:
        unmet = unready()
        if unmet:
            return problem.response(503, "; ".join(unmet), code="NOT_READY", extra={"unmet": unmet})
        return JSONResponse({"status": "ready"})


def add_metrics(app: FastAPI, registry: CollectorRegistry = REGISTRY) -> None:
    """Prometheus metrics of the process."""

    @app.get("/metrics", summary="Prometheus metrics", tags=["probes"])
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _docs(_request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": "default-src 'self' 'unsafe-inline'"})
