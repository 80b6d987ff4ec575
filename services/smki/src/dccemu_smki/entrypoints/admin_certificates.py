"""Issue, list, show, revoke and export certificates (admin port)."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, csr, keystore, parse, parse_serial
from dccemu_runtime.http.problem import Problem

from ..domain.lifecycle import Event
from ..domain.records import CertificateRecord
from ..domain.search import shown_status
from ..usecases import sets
from ..usecases.authorities import add_issuing_authority
from ..usecases.context import LIVE, TEST, Smki
from ..usecases.establish import missing
from ..usecases.revoke import change_status, reject, revoke


class Call(BaseModel):
    """A body of the admin interface: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IssueCall(Call):
    """CSRs as PEM, base64 or hexadecimal DER."""

    csr: str | list[str]
    top_up: bool = False
    test: bool = False


class SetCall(Call):
    """A ready set for a User: keys are made by the SMKI and leave with the answer."""

    eui: str
    role: int = Field(description="Remote Party Role: 2, 3, 8 or 127; 136: a file signing token")
    common_name: str | None = Field(default=None, max_length=16)
    test: bool = False


class RevokeCall(Call):
    grounds: str = "key-compromised"
    asked_by: str = "admin"


class AuthorityCall(Call):
    duty: Literal["issuing-oca", "issuing-dca"]
    test: bool = False


class StatusCall(Call):
    event: Literal["accepted", "rejected", "replaced", "reused"]


def router(smki: Smki) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/organisation-certificates", status_code=201, summary="Issue Organisation Certificates from CSRs")
    async def organisation(call: IssueCall) -> dict[str, Any]:
        return await _issue(smki, call, Kind.ORGANISATION)

    @routes.post("/device-certificates", status_code=201, summary="Issue Device Certificates from CSRs")
    async def device(call: IssueCall) -> dict[str, Any]:
        return await _issue(smki, call, Kind.DEVICE)

    @routes.post("/certificate-sets", status_code=201, summary="Keys and certificates for a User in one call")
    async def certificate_set(
        call: SetCall, format: Annotated[Literal["list", "clients"], Query()] = "list"
    ) -> dict[str, Any]:
        made = await sets.issue_set(
            smki,
            Eui64.parse(call.eui),
            call.role,
            common_name=call.common_name,
            hierarchy=TEST if call.test else LIVE,
        )
        text = keystore.save(made) if format == "list" else keystore.save_for_clients(made)
        return {"eui": call.eui, "role": call.role, "format": format, "keystore": text}

    @routes.get("/certificates", summary="List certificates by owner, or page through all")
    async def certificates(
        eui: str | None = None,
        kind: Literal["root", "issuing", "organisation", "device"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: str | None = None,
    ) -> dict[str, Any]:
        if eui is not None:
            owner = Eui64.parse(eui)
            records = [
                record
                for one in (Kind.ORGANISATION, Kind.DEVICE)
                if kind is None or kind == one.value
                for record in await smki.store.by_owner(owner, one)
            ]
            return {"certificates": [_shown(smki, record) for record in records], "next": None}
        kinds = [kind] if kind else [one.value for one in Kind]
        records = await smki.store.lodged(kinds, limit, _place(after))
        following = f"{records[-1].issuer}|{records[-1].serial_hex}" if len(records) == limit else None
        return {"certificates": [_shown(smki, record) for record in records], "next": following}

    @routes.get("/certificates/{serial}", summary="Show one certificate by its serial in hexadecimal")
    async def certificate(serial: str) -> dict[str, Any]:
        return _shown(smki, await _one(smki, serial), with_body=True)

    @routes.post("/certificates/{serial}/revoke", summary="Revoke an Organisation or issuing CA certificate")
    async def revoke_one(serial: str, call: RevokeCall | None = None) -> dict[str, Any]:
        record = await _one(smki, serial)
        wanted = call or RevokeCall()
        async with smki.database.transaction() as connection:
            done = await revoke(smki, connection, record.issuer, record.serial, wanted.grounds, wanted.asked_by)
        return _shown(smki, done)

    @routes.post("/certificates/{serial}/status", summary="Walk the lifecycle: accepted, rejected, replaced, reused")
    async def status(serial: str, call: StatusCall) -> dict[str, Any]:
        record = await _one(smki, serial)
        async with smki.database.transaction() as connection:
            if call.event == "rejected":
                done = await reject(smki, connection, record.issuer, record.serial, "admin")
            else:
                locked = await smki.store.lock(connection, record.issuer, record.serial)
                done = await change_status(smki, connection, locked or record, Event(call.event), "admin")
        return _shown(smki, done)

    @routes.get("/authorities", summary="The certificate authorities and trusted roots")
    async def authorities() -> list[dict[str, Any]]:
        return [
            {
                "name": authority.name,
                "hierarchy": authority.hierarchy,
                "duty": authority.duty,
                "subject": authority.certificate.subject,
                "serial": authority.certificate.serial_hex,
                "ski": authority.certificate.ski.hex().upper(),
                "is_current": authority.is_current,
                "signs_here": authority.key_name is not None,
                "pem": authority.certificate.pem,
            }
            for authority in smki.authorities.values()
        ]

    @routes.post("/authorities", status_code=201, summary="Add an issuing CA, which issues from now on")
    async def add_authority(call: AuthorityCall) -> dict[str, Any]:
        authority = await add_issuing_authority(smki, call.duty, TEST if call.test else LIVE)
        return {
            "name": authority.name,
            "subject": authority.certificate.subject,
            "serial": authority.certificate.serial_hex,
        }

    @routes.get("/established", summary="The DCC's own certificates that are still missing (checklist B8)")
    async def established() -> dict[str, list[str]]:
        return {"missing": await missing(smki)}

    return routes


async def _issue(smki: Smki, call: IssueCall, kind: Kind) -> dict[str, Any]:
    texts = [call.csr] if isinstance(call.csr, str) else call.csr
    requests = [csr.read(_der(text)) for text in texts]
    for request in requests:
        if request.kind is not kind:
            raise ProtocolError("CSR_SUBJECT", f"this is the request of a {request.kind}, not of a {kind}")
    records = await sets.issue_from_requests(smki, requests, top_up=call.top_up, hierarchy=TEST if call.test else LIVE)
    return {"certificates": [_shown(smki, record, with_body=True) for record in records]}


def _der(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return csr.decode_portal_text(text.encode())


async def _one(smki: Smki, serial: str) -> CertificateRecord:
    found = await smki.store.by_serial(parse_serial(serial))
    if not found:
        raise Problem(404, f"no certificate has serial {serial}", code="UNKNOWN_CERTIFICATE")
    return found[-1]


def _place(after: str | None) -> tuple[bytes, str] | None:
    if after is None:
        return None
    issuer, _, serial = after.rpartition("|")
    number = parse_serial(serial)
    if number >= 2**128:
        raise Problem(422, "after is the next value of the page before", code="INVALID_CALL")
    return number.to_bytes(16, "big"), issuer


def _shown(smki: Smki, record: CertificateRecord, *, with_body: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "serial": record.serial_hex,
        "serial_decimal": str(record.serial),
        "issuer": record.issuer,
        "kind": record.kind.value,
        "eui": None if record.eui is None else str(record.eui),
        "role": record.role,
        "usage": record.usage.value,
        "top_up": record.top_up,
        "status": shown_status(record, smki.now()).value,
        "ski": record.ski.hex().upper(),
        "not_after": record.not_after.isoformat(),
        "hierarchy": record.hierarchy,
        "pinned": record.pinned,
        "party": record.party,
    }
    if with_body:
        shown["der"] = base64.b64encode(record.der).decode()
        shown["pem"] = parse(record.der).pem
    return shown
