"""Problem documents (RFC 9457) for everything that is not DUIS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dccemu_protocol.errors import EmulatorError, ProtocolError

from ..bus import BusUnavailable
from ..groupcommit import Overloaded, StoreUnavailable

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Refuse an admin or service call: say what was wrong and what would have worked."""

    def __init__(self, status: int, detail: str, *, code: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.extra = extra


def body(status: int, detail: str, *, code: str = "", extra: Mapping[str, Any] | None = None) -> bytes:
    """A problem document."""
    document: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        document["detail"] = detail
    if code:
        document["code"] = code
    return json.dumps({**document, **(extra or {})}, default=str).encode()


def response(
    status: int,
    detail: str,
    *,
    code: str = "",
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document as a response."""
    return Response(
        body(status, detail, code=code, extra=extra), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Render every refusal and failure of ``app`` as a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ProtocolError, _protocol)
    app.add_exception_handler(EmulatorError, _emulator)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return response(error.status, error.detail, code=error.code, extra=error.extra)


async def _http(request: Request, error: Exception) -> Response:
    """A refusal of the framework; its own words for 404 and 405 say nothing of the place, so it is named here."""
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:
        allowed = (error.headers or {}).get("Allow")
        rule = f"allowed is {allowed}" if allowed else "GET /docs lists the routes of this port"
        detail = f"{request.method} {request.url.path}: {detail.lower()}; {rule}"
    return response(error.status_code, detail, headers=error.headers)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{"place": "/".join(map(str, fault["loc"])), "detail": fault["msg"]} for fault in error.errors()]
    detail = "; ".join(f"{fault['place']}: {fault['detail']}" for fault in faults)
    return response(422, detail, code="INVALID_CALL", extra={"errors": faults})


async def _protocol(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProtocolError)
    extra = {name: value for name, value in (("place", error.place), ("source", error.source)) if value}
    return response(422, error.detail, code=error.rule, extra=extra)


async def _emulator(_request: Request, error: Exception) -> Response:
    if isinstance(error, Overloaded | StoreUnavailable | BusUnavailable):
        return response(503, str(error), code=type(error).__name__, headers={"Retry-After": "1"})
    return await _unexpected(_request, error)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return response(500, "the emulator failed; its log says where", code="INTERNAL")
