"""The Device CSR web services: ad hoc and batch (smki.md sections 5.4 and 5.5).

Every answer to a message is HTTP 200 with a status of its own; only a system that is nobody's gets 401.
"""

from __future__ import annotations

import asyncpg
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dccemu_protocol.errors import EmulatorError, ProtocolError

from ..domain import messages
from ..domain.codes import CA_FAILED, WORKFLOW_FAILED, BatchStatus, ItemStatus, Outcome, outcome_of, refusal_of_batch
from ..domain.messages import Identified
from ..usecases import batch_requests
from ..usecases.context import Smki
from ..usecases.devices import answer_ad_hoc
from ..usecases.targets import AD_HOC, measured
from .subscriber import audited, authenticate, check_established

log = structlog.get_logger(__name__)
_XML = "application/xml;charset=UTF-8"


def routes(smki: Smki) -> list[Route]:
    """The routes; the path holds the version of the interface."""
    service = _WebServices(smki)
    return [
        Route("/services/1.0/DeviceCSR", service.ad_hoc, methods=["POST"]),
        Route("/services/1.0/PortalCSRBatch/SubmitCSRBatch", service.submit, methods=["POST"]),
        Route("/services/1.0/PortalCSRBatch/CSRBatchResult", service.result, methods=["GET"]),
    ]


class _WebServices:
    """Handlers: authenticate, parse, call, render."""

    def __init__(self, smki: Smki) -> None:
        self._smki = smki

    async def ad_hoc(self, request: Request) -> Response:
        smki = self._smki
        subscriber = await authenticate(smki, request)
        transaction: int = await smki.database.pool.fetchval("SELECT nextval('transaction_number')")
        message_id: str | None = None
        try:
            async with audited(smki, "device-csr", subscriber), measured(smki, AD_HOC):
                await check_established(smki)
                read = messages.read_ad_hoc(await request.body())
                message_id = read.id
                record = await answer_ad_hoc(smki, subscriber, read.csr)
        except Identified as refused:
            outcome = outcome_of(refused.error, ad_hoc=True)
            return _xml(messages.ad_hoc_answer(refused.message_id, transaction, outcome, None))
        except ProtocolError as error:
            return _xml(messages.ad_hoc_answer(message_id, transaction, outcome_of(error, ad_hoc=True), None))
        except EmulatorError as error:
            log.error("the CA failed", exc_info=error)
            return _xml(messages.ad_hoc_answer(message_id, transaction, CA_FAILED, None))
        except asyncpg.PostgresError as error:
            log.error("a request could not be worked on", exc_info=error)
            return _xml(messages.ad_hoc_answer(message_id, transaction, WORKFLOW_FAILED, None))
        return _xml(messages.ad_hoc_answer(message_id, transaction, Outcome(ItemStatus.SUCCESS), record.der))

    async def submit(self, request: Request) -> Response:
        subscriber = await authenticate(self._smki, request)
        try:
            async with audited(self._smki, "batch", subscriber):
                await check_established(self._smki)
                message_id, number = await batch_requests.submit_xml(self._smki, subscriber, await request.body())
        except Identified as refused:
            outcome = outcome_of(refused.error, ad_hoc=False)
            return _xml(messages.submit_answer(refused.message_id, BatchStatus.FORMAT_ERROR, None, outcome))
        except ProtocolError as error:
            outcome = refusal_of_batch(error)
            return _xml(messages.submit_answer(None, BatchStatus.WORKFLOW_ERROR, None, outcome))
        return _xml(messages.submit_answer(message_id, BatchStatus.PENDING, number, None))

    async def result(self, request: Request) -> Response:
        subscriber = await authenticate(self._smki, request)
        text = request.query_params.get("BatchId", "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        try:
            batch, items = await batch_requests.poll(self._smki, subscriber, number)
        except ProtocolError as error:
            outcome = outcome_of(error, ad_hoc=False)
            return _xml(messages.result_answer(BatchStatus.FORMAT_ERROR, None, outcome))
        return _xml(messages.result_answer(batch.status, number, batch.error, items))


def _xml(content: bytes) -> Response:
    return Response(content, headers={"content-type": _XML})
