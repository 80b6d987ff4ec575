"""Batches at the SMKI Portal: a ZIP in, a report and a ZIP of certificates out (smki.md section 5.5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.http.problem import Problem

from ..adapters.batch_store import Batch
from ..domain.codes import BatchStatus, refusal_of_batch
from ..domain.errors import UNKNOWN_BATCH
from ..domain.portal import report, response_name, response_zip
from ..usecases import batch_requests
from ..usecases.context import Smki
from .subscriber import Officer, audited, authenticate


def router(smki: Smki) -> APIRouter:
    """The routes, below those of the portal."""
    routes = APIRouter()

    @routes.post("/batches", status_code=202, summary="Submit a ZIP of Device CSRs")
    async def batch(
        request: Request, name: Annotated[str, Query(min_length=1, max_length=120)], officer: Officer = None
    ) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        try:
            async with audited(smki, "batch", subscriber):
                number = await batch_requests.submit_zip(smki, subscriber, officer, name, await request.body())
        except ProtocolError as error:
            outcome = refusal_of_batch(error)
            raise Problem(422, error.detail, code=error.rule, error_code=outcome.code) from None
        return {"batch": number, "status": BatchStatus.PENDING}

    @routes.get("/batches/{number}", summary="The state of a batch")
    async def state(request: Request, number: int) -> dict[str, Any]:
        found, _ = await _poll(smki, request, number)
        return shown_batch(found)

    @routes.get("/batches/{number}/report", summary="The text report of a completed batch")
    async def text(request: Request, number: int) -> Response:
        found, items = await _poll(smki, request, number)
        _check_completed(found)
        return Response(report(items), media_type="text/csv; charset=utf-8")

    @routes.get("/batches/{number}/response", summary="The certificates of a completed batch as a ZIP")
    async def response(request: Request, number: int) -> Response:
        found, items = await _poll(smki, request, number)
        _check_completed(found)
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in response_name(found.name))
        disposition = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(response_zip(items), media_type="application/zip", headers=disposition)

    return routes


def shown_batch(batch: Batch) -> dict[str, Any]:
    """A batch as JSON."""
    return {
        "batch": batch.id,
        "party": batch.party,
        "source": batch.source,
        "name": batch.name,
        "status": batch.status.value,
        "size": batch.size,
        "done": batch.done,
        "error": None if batch.error is None else {"code": batch.error.code, "text": batch.error.text},
        "submitted_at": batch.submitted_at,
        "completed_at": batch.completed_at,
    }


async def _poll(smki: Smki, request: Request, number: int) -> tuple[Batch, list[Any]]:
    subscriber = await authenticate(smki, request)
    try:
        return await batch_requests.poll(smki, subscriber, number)
    except ProtocolError as error:
        status = {UNKNOWN_BATCH: 404, "RESULTS_GONE": 410, "POLLED_TOO_OFTEN": 429}.get(error.rule, 422)
        raise Problem(status, error.detail, code=error.rule) from None


def _check_completed(batch: Batch) -> None:
    if batch.status is not BatchStatus.COMPLETED:
        raise Problem(409, f"batch {batch.id} is {batch.status.value}", code="BAD_STATUS")
