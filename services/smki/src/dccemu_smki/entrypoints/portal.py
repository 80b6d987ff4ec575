"""The SMKI Portal: Organisation CSRs, ad hoc and batched Device CSRs, revocation (smki.md section 5.2).

The real portal is a web site for people; here it is the same procedures as plain HTTP.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import parse, parse_serial
from dccemu_runtime.http.problem import Problem

from ..domain.errors import NOT_ELIGIBLE, UNKNOWN_REQUEST
from ..domain.search import shown_status
from ..usecases import organisations
from ..usecases.context import LIVE, TEST, Smki
from ..usecases.devices import answer_portal
from ..usecases.officers import check_may_submit
from ..usecases.revoke import reject, revoke
from ..usecases.subscribers import Subscriber, check_test_participant
from . import portal_batches
from .plain import plain_text
from .subscriber import Officer, audited, authenticate, check_established

Flag = Annotated[bool, Query()]


class RevocationCall(BaseModel):
    """A subscriber's request for revocation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    serial: str
    grounds: str


def router(smki: Smki) -> APIRouter:
    """The routes. A body of a CSR is its text form as the portal accepts it."""

    async def established() -> None:
        try:
            await check_established(smki)
        except ProtocolError as error:
            raise Problem(503, error.detail, code=error.rule) from None

    routes = APIRouter(prefix="/portal", tags=["portal"], dependencies=[Depends(plain_text), Depends(established)])

    @routes.post("/organisation-requests", status_code=202, summary="Submit an Organisation CSR")
    async def submit(
        request: Request, officer: Officer = None, top_up: Flag = False, test: Flag = False
    ) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        async with audited(smki, "organisation-csr", subscriber):
            row = await organisations.submit(smki, subscriber, officer, await request.body(), top_up=top_up, test=test)
        return organisations.shown(row)

    @routes.get("/organisation-requests", summary="One's own requests")
    async def requests(request: Request, status: str | None = None) -> list[dict[str, Any]]:
        subscriber = await authenticate(smki, request)
        return [organisations.shown(row) for row in await organisations.listed(smki, subscriber.party, status)]

    @routes.get(
        "/organisation-requests/{number}",
        summary="The state of a request and of its certificate",
    )
    async def one(request: Request, number: int) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        row = await _own(smki, number, subscriber)
        record = await organisations.certificate_of(smki, row)
        status = None if record is None else shown_status(record, smki.now()).value
        return {**organisations.shown(row), "certificate_status": status}

    @routes.get("/organisation-requests/{number}/certificate", summary="Download the certificate (PEM)")
    async def download(request: Request, number: int) -> Response:
        subscriber = await authenticate(smki, request)
        record = await organisations.certificate_of(smki, await _own(smki, number, subscriber))
        if record is None:
            raise Problem(404, f"request {number} has no certificate", code="NOT_FOUND")
        return Response(parse(record.der).pem, media_type="application/x-pem-file")

    @routes.post("/organisation-requests/{number}/reject", summary="Reject the certificate: it is revoked")
    async def reject_own(request: Request, number: int) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        record = await organisations.certificate_of(smki, await _own(smki, number, subscriber))
        if record is None:
            raise Problem(409, f"request {number} has no certificate to reject", code="BAD_STATUS")
        async with audited(smki, "reject", subscriber), smki.database.transaction() as connection:
            done = await reject(smki, connection, record.issuer, record.serial, subscriber.party)
        return {"serial": done.serial_hex, "status": done.status.value}

    @routes.post("/device-requests", status_code=201, summary="Submit one Device CSR")
    async def device(request: Request, officer: Officer = None, test: Flag = False) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        async with audited(smki, "device-csr", subscriber):
            if test:
                check_test_participant(subscriber)
            record = await answer_portal(
                smki, subscriber, officer, await request.body(), hierarchy=TEST if test else LIVE
            )
        return {"serial": record.serial_hex, "device": str(record.eui), "certificate": parse(record.der).pem}

    @routes.post("/device-certificates/{serial}/reject", summary="Reject a Device Certificate: it goes out of use")
    async def reject_device(request: Request, serial: str) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        async with audited(smki, "reject", subscriber):
            issuer, number = await _of_party(smki, serial, subscriber)
            async with smki.database.transaction() as connection:
                done = await reject(smki, connection, issuer, number, subscriber.party)
        return {"serial": done.serial_hex, "status": done.status.value}

    @routes.post("/revocations", summary="Ask for the revocation of one's own Organisation Certificate")
    async def revocation(request: Request, call: RevocationCall) -> dict[str, Any]:
        subscriber = await authenticate(smki, request)
        async with audited(smki, "revoke", subscriber):
            await check_may_submit(smki, subscriber, None, device=False)
            issuer, serial = await _of_party(smki, call.serial, subscriber)
            async with smki.database.transaction() as connection:
                done = await revoke(smki, connection, issuer, serial, call.grounds, subscriber.party)
        return {"serial": done.serial_hex, "status": done.status.value}

    routes.include_router(portal_batches.router(smki))
    return routes


async def _own(smki: Smki, number: int, subscriber: Subscriber) -> Any:
    try:
        return await organisations.find(smki, number, subscriber.party)
    except ProtocolError as error:
        raise Problem(404, error.detail, code=UNKNOWN_REQUEST) from None


async def _of_party(smki: Smki, serial: str, subscriber: Subscriber) -> tuple[str, int]:
    """Issuer and serial of a certificate that this subscriber asked for or whose EUI-64 is its own."""
    for record in await smki.store.by_serial(parse_serial(serial)):
        owner = None if record.eui is None else smki.parties.owner(record.eui)
        if subscriber.party in (record.party, owner):
            return record.issuer, record.serial
    raise ProtocolError(NOT_ELIGIBLE, f"{serial[:40]} is not a certificate of {subscriber.party}")
