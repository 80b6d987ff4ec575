"""Non-Device Service Requests that the inventory carries out: one transaction each, answered by an InventoryReply."""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.device_index import normal_post_code
from dccemu_contracts.inventory import DeviceFact, InventoryReply, InventoryRequest
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal

from ..adapters.records import Records
from ..domain.bodies import Content, read_body
from ..domain.decommissioning import decommission_device
from ..domain.hub_status import report_installation, report_return
from ..domain.ledger import Cause, Json, Ledger
from ..domain.prenotification import notify_device
from ..domain.updating import update_inventory
from ..domain.wan_matrix import WanArea, wan_matrix, wanted_post_code
from .dcc import DccParties

_AREAS = """
SELECT region, covered, available_from, technology, addresses FROM wan_areas WHERE post_code = $1 ORDER BY region"""
_POST_CODE_OF = "SELECT post_code FROM devices WHERE uprn = $1 AND post_code IS NOT NULL AND NOT removed LIMIT 1"


class Requests:
    """Carries out InventoryRequests."""

    def __init__(self, records: Records, journal: Journal, dcc: DccParties, clock: Clock, entropy: Entropy) -> None:
        self._records = records
        self._journal = journal
        self._dcc = dcc
        self._clock = clock
        self._entropy = entropy

    async def carry_out(self, connection: PoolConnectionProxy, request: InventoryRequest) -> None:
        """Carry out one request and answer it; a refusal has no effect."""
        data: dict[str, Json] | None = None
        changed: list[DeviceFact] = []
        rule = detail = place = None
        outcome = "done"
        source = ""
        try:
            async with connection.transaction():
                rule, data, changed = await self._act(connection, request, read_body(request.body))
        except ProtocolError as error:
            outcome, rule, detail, place, source = "refused", error.rule, error.detail, error.place, error.source
        reply = InventoryReply.model_validate(
            {
                "id": self._entropy.uuid(),
                "at": self._clock.now(),
                "in_reply_to": request.id,
                "request_id": request.request_id,
                "outcome": outcome,
                "rule": rule,
                "detail": detail,
                "place": place or None,
                "data": data,
                "changed": changed,
            }
        )
        await self._records.publish(connection, [reply])
        check = Check(rule or "ACCEPTED", outcome == "done", got=detail or "", source=source)
        await self._journal.add(
            connection,
            Entry(
                id=self._entropy.uuid(),
                at=reply.at,
                stage="inventory",
                outcome=outcome,
                request_id=request.request_id,
                user=request.user,
                device=request.device,
                srv=request.srv,
                checks=(check,),
                message=request.body.encode(),
            ),
        )

    async def _act(
        self, connection: PoolConnectionProxy, request: InventoryRequest, body: Content
    ) -> tuple[str | None, dict[str, Json] | None, list[DeviceFact]]:
        if request.srv == "12.1":
            return None, wan_matrix(body, await self._areas(connection, body)), []
        ledger = await self._ledger(connection, request, body)
        rule: str | None = None
        match request.srv:
            case "12.2":
                products = await self._records.products(connection, [body.text("DeviceModel")])
                notify_device(ledger, body, request.user, products, self._dcc.holders())
            case "8.3":
                decommission_device(ledger, body.device(), request.user, request.roles)
            case "8.4":
                update_inventory(ledger, body, request.user, request.roles, await self._records.products(connection))
            case "8.14.1" | "8.14.2":
                rule = report_installation(ledger, body, without_wan=request.srv == "8.14.2")
            case "8.14.3" | "8.14.4":
                report_return(ledger, body, fault=request.srv == "8.14.3")
            case _:
                raise ProtocolError("CANNOT_TRANSFORM", f"the inventory does not carry out {request.srv}")
        return rule, None, await self._records.save(connection, ledger)

    async def _ledger(self, connection: PoolConnectionProxy, request: InventoryRequest, body: Content) -> Ledger:
        devices = [
            body.device(name)
            for name in ("DeviceID", "AssociatedGPFDeviceID", "OtherDeviceID")
            if body.optional(name) is not None
        ]
        mpxns = [text for name in _MPXNS if (text := body.optional(name))]
        update = body.part("UpdateMPxN")
        mpxns += [text for name in _MPXNS if update and (text := update.optional(name))]
        index = await self._records.load(connection, devices, mpxns)
        cause = Cause(f"SR {request.srv}", request.request_id, request.user)
        return Ledger(index, self._clock.now(), cause)

    async def _areas(self, connection: PoolConnectionProxy, body: Content) -> list[WanArea]:
        post_code = wanted_post_code(body)
        if post_code is None:
            post_code = await connection.fetchval(_POST_CODE_OF, body.text("UPRN"))
        rows = await connection.fetch(_AREAS, normal_post_code(post_code or ""))
        return [WanArea(row[0], row[1], row[2], row[3], tuple(row[4])) for row in rows]


_MPXNS = ("MPxN", "ImportMPxN", "SecondaryImportMPAN", "ExportMPAN")
