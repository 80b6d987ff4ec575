"""The gateway's admin routes: deliveries, requests, Commands, timers, receivers, connections, own certificates.

Nothing of this exists in the real DCC. Queries are the entrypoint's own: they read rows and render them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from asyncpg import Record as Row
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from dccemu_protocol import catalogue
from dccemu_protocol.catalogue import ServiceRequestVariant
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.http.problem import Problem

from ..adapters.connections import Connections
from ..adapters.courier import Courier
from ..adapters.receivers import Receivers
from ..usecases.gateway import Gateway

_DELIVERIES = """
SELECT id, user_, device, kind, request_id, response_id, code, created_at, due_at, attempts, state, last_error,
delivered_at FROM deliveries WHERE ($1::text IS NULL OR user_ = $1) AND ($2::text IS NULL OR device = $2)
AND ($3::text IS NULL OR request_id = $3) AND ($4::text IS NULL OR state = $4)
ORDER BY position DESC LIMIT $5"""
_DELIVERY = """
SELECT id, user_, device, kind, request_id, response_id, code, created_at, due_at, attempts, state, last_error,
delivered_at, document FROM deliveries WHERE id = $1"""
_REQUESTS = """
SELECT request_id, kind, user_, device, srv, command_variant, role, state, received_at, execution_at
FROM requests WHERE ($1::text IS NULL OR user_ = $1) AND ($2::text IS NULL OR device = $2)
AND ($3::text IS NULL OR request_id = $3) AND ($4::text IS NULL OR state = $4)
ORDER BY received_at DESC LIMIT $5"""
_COMMANDS = """
SELECT id, request_id, user_, device, srv, use_case, originator, counter, message_code, state, sent_at, expires_at,
execution_at, payload FROM commands WHERE ($1::text IS NULL OR user_ = $1) AND ($2::text IS NULL OR device = $2)
AND ($3::text IS NULL OR request_id = $3) AND ($4::text IS NULL OR state = $4)
ORDER BY sent_at DESC LIMIT $5"""

Limit = Annotated[int, Query(ge=1, le=1000)]


class ConnectionRequest(BaseModel):
    """A Party asks for a TLS client certificate."""

    party: str = Field(min_length=1, max_length=64)
    csr: str = Field(max_length=8192, description="PKCS#10 in PEM; the key stays with the Party")


class Receiver(BaseModel):
    """Where a User's Receive Response Service is."""

    url: str = Field(pattern=r"^https?://\S+$", max_length=2048)


def _shown(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = value.hex() if name == "payload" else value.decode("utf-8", "replace")
        shown[name.rstrip("_")] = int(value) if name == "counter" else value
    return shown


def _offered(variant: ServiceRequestVariant) -> dict[str, Any]:
    return {
        "srv": variant.srv,
        "service_reference": variant.service_reference,
        "name": variant.name,
        "critical": variant.critical,
        "non_device": variant.non_device,
        "command_variants": sorted(variant.command_variants),
        "eligible_user_roles": sorted(variant.eligible_user_roles),
        "target_device_types": sorted(variant.target_device_types),
        "future_dating": variant.future_dating,
        "schedulable": variant.schedulable,
        "sequenceable": variant.sequenceable,
    }


def admin_routes(gateway: Gateway, courier: Courier, receivers: Receivers, connections: Connections) -> APIRouter:
    """All admin routes of the gateway."""
    router = APIRouter(prefix="/admin", tags=["gateway"])
    router.include_router(_delivery_routes(gateway, courier))
    router.include_router(_record_routes(gateway))
    router.include_router(_user_routes(receivers, connections))
    return router


def _delivery_routes(gateway: Gateway, courier: Courier) -> APIRouter:
    router = APIRouter()
    pool = gateway.database.pool

    @router.get("/deliveries", summary="Answers and Alerts to Users, newest first")
    async def deliveries(
        user: str | None = None,
        device: str | None = None,
        request_id: str | None = None,
        state: str | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        rows = await pool.fetch(_DELIVERIES, user, device, request_id, state, limit)
        return {"backlog": courier.backlog(), "deliveries": [_shown(row) for row in rows]}

    @router.get("/deliveries/{delivery_id}", summary="One delivery with its document")
    async def delivery(delivery_id: str) -> dict[str, Any]:
        row = await pool.fetchrow(_DELIVERY, delivery_id)
        if row is None:
            raise Problem(404, f"there is no delivery {delivery_id}; GET /admin/deliveries lists them")
        return _shown(row)

    @router.post("/deliveries/retry", status_code=204, summary="Try every waiting delivery now")
    async def retry(user: str | None = None) -> None:
        courier.receiver_changed(user)

    return router


def _record_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/gateway")
    pool = gateway.database.pool

    @router.get("/requests", summary="Accepted Service Requests, newest first")
    async def requests(
        user: str | None = None,
        device: str | None = None,
        request_id: str | None = None,
        state: str | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        rows = await pool.fetch(_REQUESTS, user, device, request_id, state, limit)
        return {"requests": [_shown(row) for row in rows]}

    @router.get("/commands", summary="Commands to Devices, newest first")
    async def commands(
        user: str | None = None,
        device: str | None = None,
        request_id: str | None = None,
        state: str | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        rows = await pool.fetch(_COMMANDS, user, device, request_id, state, limit)
        return {"commands": [_shown(row) for row in rows]}

    @router.get("/services", summary="The services schedule: who may ask for what, of which Device, in which way")
    async def services() -> list[dict[str, Any]]:
        return [_offered(variant) for variant in catalogue.service_requests.values()]

    @router.get("/timers", summary="What waits for its date")
    async def timers() -> dict[str, Any]:
        pending = await gateway.timers.pending()
        return {
            "timers": [{"kind": timer.kind, "key": timer.key, "due_at": timer.due_at.isoformat()} for timer in pending]
        }

    @router.get("/outbox", summary="Messages that wait for the bus or for their consumers")
    async def outbox() -> dict[str, int]:
        return await gateway.outbox.counts()

    @router.get("/records/{eui}", summary="The gateway's own copy of an inventory record")
    async def record(eui: str) -> dict[str, Any]:
        fact = gateway.directory.device(eui.upper())
        if fact is None:
            raise Problem(404, f"the gateway knows no Device {eui.upper()}", code="UNKNOWN_DEVICE")
        return fact.model_dump(mode="json")

    @router.get("/registrations/{mpxn}", summary="The gateway's own copy of a meter point's registrations")
    async def registrations(mpxn: str) -> dict[str, Any]:
        fact = gateway.directory.registration(mpxn)
        if fact is None:
            raise Problem(404, f"the gateway knows no meter point {mpxn}", code="UNKNOWN_MPXN")
        return fact.model_dump(mode="json")

    @router.get("/certificates", summary="The gateway's own certificates")
    async def certificates() -> dict[str, Any]:
        return {
            name: None
            if found is None
            else {"serial": found.serial_hex, "issuer": found.issuer, "role": found.role, "certificate": found.pem}
            for name, found in gateway.keys.certificates().items()
        }

    return router


def _user_routes(receivers: Receivers, connections: Connections) -> APIRouter:
    router = APIRouter(prefix="/gateway")

    @router.get("/receivers", summary="Receive Response Services of all Users")
    async def all_receivers() -> dict[str, Any]:
        return {"receivers": receivers.all()}

    @router.put("/receivers/{eui}", summary="Set a User's Receive Response Service")
    async def put_receiver(eui: str, receiver: Receiver) -> dict[str, str]:
        user = str(Eui64.parse(eui))
        await receivers.put(user, receiver.url)
        return {"user": user, "url": receiver.url}

    @router.delete("/receivers/{eui}", status_code=204, summary="Forget an address that was set here")
    async def delete_receiver(eui: str) -> None:
        if not await receivers.remove(str(Eui64.parse(eui))):
            raise Problem(404, f"no address was set for {eui}; GET /admin/gateway/receivers shows what is known")

    @router.get("/connections", summary="TLS client certificates that were issued")
    async def all_connections() -> dict[str, Any]:
        rows = await connections.all()
        return {"ca": connections.authority_pem(), "connections": rows}

    @router.post("/connections", status_code=201, summary="Issue a TLS client certificate for a Party")
    async def connect(request: ConnectionRequest) -> dict[str, str]:
        certificate = await connections.issue(request.party, request.csr)
        return {"party": request.party, "certificate": certificate, "ca": connections.authority_pem()}

    @router.delete("/connections/{serial}", status_code=204, summary="Take a client certificate out of use")
    async def withdraw(serial: str) -> None:
        if not await connections.withdraw(serial.upper()):
            raise Problem(404, f"no client certificate in use has serial {serial}")

    return router
