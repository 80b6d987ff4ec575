"""The consent register on the inventory's port, for Other Users, and on the admin port."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dccemu_contracts.consent import ServiceClass, Verification
from dccemu_contracts.scenario import Eui, Mpxn
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.http.problem import Problem

from ..usecases.consents import Consents
from .settling import Settling

Json = dict[str, Any]
_STATUS = {"UNKNOWN_CONSENT": 404, "CONSENT_WITHDRAWN": 409}


class VerificationCall(BaseModel):
    """How the person was verified to be the Energy Consumer."""

    model_config = ConfigDict(extra="forbid")

    method: str = Field(min_length=1, max_length=200)
    verified_by: str = Field(min_length=1, max_length=200)
    verified_at: AwareDatetime


class ConsentCall(BaseModel):
    """A consent as the Other User records it; ``mpxn`` or ``device`` says where."""

    model_config = ConfigDict(extra="forbid")

    user: Eui
    mpxn: Mpxn | None = None
    device: Eui | None = None
    classes: tuple[ServiceClass, ...] = Field(min_length=1)
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    verification: VerificationCall
    purpose: str = Field(min_length=1, max_length=500)
    written_notice_at: AwareDatetime


def _routes(consents: Consents, router: APIRouter) -> APIRouter:
    @router.post("/consents", status_code=201, summary="Record the consent of an Energy Consumer")
    async def record(call: ConsentCall) -> Json:
        verification = Verification.model_validate(call.verification.model_dump())
        fact = await consents.record(
            call.user,
            tuple(dict.fromkeys(call.classes)),
            mpxn=call.mpxn,
            device=call.device,
            valid_from=call.valid_from,
            valid_to=call.valid_to,
            verification=verification,
            purpose=call.purpose,
            written_notice_at=call.written_notice_at,
        )
        return fact.model_dump(mode="json", exclude={"id", "at"})

    @router.post("/consents/{consent}/withdraw", summary="The Energy Consumer withdraws a consent")
    async def withdraw(consent: str, user: Annotated[Eui | None, Body(embed=True)] = None) -> Json:
        try:
            fact = await consents.withdraw(consent, user)
        except ProtocolError as error:
            raise Problem(_STATUS.get(error.rule, 422), error.detail, code=error.rule) from None
        return fact.model_dump(mode="json", exclude={"id", "at"})

    @router.get("/consents", summary="Consents recorded by a User")
    async def of(user: Eui | None = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> list[Json]:
        return await consents.of(user, limit)

    return router


def consent_routes(consents: Consents) -> APIRouter:
    """What an Other User calls."""
    return _routes(consents, APIRouter(tags=["consent"]))


def admin_consent_routes(consents: Consents, settling: Settling) -> APIRouter:
    """The same for an operator; a changing call answers when the fact is on its way to everybody."""
    router = APIRouter(prefix="/admin/inventory", tags=["consent"], route_class=settling.route_class())
    return _routes(consents, router)
