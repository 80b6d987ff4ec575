"""Admin routes for Parties, registration files, outgoing documents and the Certified Products List."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.responses import PlainTextResponse

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock

from ..adapters.views import Views
from ..domain.products import CPL_STATUSES, Product
from ..domain.suspensions import RIGHTS
from ..usecases.documents import Documents
from ..usecases.feeds import Feeds, described
from ..usecases.hub_firmware import HubFirmware
from ..usecases.hubs import Hubs
from ..usecases.parties import Parties
from ..usecases.products import Products
from .settling import Settling

Json = dict[str, Any]
PREFIX = "/admin/inventory"


def party_routes(parties: Parties, views: Views, settling: Settling) -> APIRouter:
    """Accession, User IDs, User Entry Process, suspension of rights."""
    router = APIRouter(prefix=PREFIX, tags=["Parties"], route_class=settling.route_class())

    @router.post("/parties", summary="A Party accedes: it gets a unique Party ID", status_code=201)
    async def accede(values: Annotated[Json, Body()]) -> Json:
        participants = [str(one) for one in values.get("participants", ())]
        fact = await parties.accede(str(values.get("name", "")), values.get("category"), participants)
        return fact.model_dump(mode="json")

    @router.post("/parties/{party}/users", summary="Give out a User ID for some User Roles", status_code=201)
    async def give_user_id(party: str, values: Annotated[Json, Body()]) -> Json:
        user = await parties.give_user_id(party, list(values.get("roles", ())), values.get("eui"))
        return user.model_dump(mode="json")

    @router.post("/parties/{party}/users/{user}/entry/{role}", summary="An element of the User Entry Process is done")
    async def prove(party: str, user: str, role: str, values: Annotated[Json, Body()]) -> Json:
        element, proven_by = str(values.get("element", "")), values.get("proven_by")
        return await parties.prove(party, user.upper(), role, element, proven_by)

    @router.get("/parties/{party}/users/{user}/entry/{role}", summary="Elements done, with the proof relied on")
    async def entry(party: str, user: str, role: str) -> list[Json]:
        return await views.entry_elements(user.upper(), role)

    @router.get("/identifiers", summary="EUI-64s given out from the central registry entry")
    async def identifiers() -> list[Json]:
        return await views.identifiers()

    @router.get("/rights", summary="Rights that the Panel may suspend, and whether the Authority must approve")
    async def rights() -> list[Json]:
        return [asdict(right) for right in RIGHTS.values()]

    @router.get("/suspensions", summary="Suspensions of rights")
    async def suspensions() -> list[Json]:
        return await views.suspensions()

    @router.post("/suspensions", summary="The Panel suspends a right of a Party", status_code=201)
    async def suspend(values: Annotated[Json, Body()]) -> Json:
        services = [str(one) for one in values.get("services", ())]
        return await parties.suspend(
            str(values.get("party", "")), str(values.get("right", "")), services, str(values.get("reason", ""))
        )

    @router.post("/suspensions/{identifier}/approve", summary="The Authority approves a suspension")
    async def approve(identifier: str) -> Json:
        return await parties.approve(identifier)

    @router.post("/suspensions/{identifier}/lift", summary="The Panel lifts a suspension")
    async def lift(identifier: str) -> Json:
        return await parties.lift(identifier)

    return router


def registration_routes(feeds: Feeds, documents: Documents, views: Views, settling: Settling) -> APIRouter:
    """Providers, files received, incidents, documents sent out."""
    router = APIRouter(prefix=PREFIX, tags=["registration data"], route_class=settling.route_class())

    @router.get("/providers", summary="Registration Data Providers and the networks that are liable for them")
    async def providers() -> list[Json]:
        return await views.providers()

    @router.put("/providers/{provider}", summary="Name the networks that a provider serves", status_code=204)
    async def put_provider(provider: str, networks: Annotated[list[str], Body(embed=True)]) -> None:
        await feeds.set_provider(provider, networks)

    @router.get("/feeds", summary="Registration files received")
    async def list_feeds(provider: str | None = None) -> list[Json]:
        return await views.feeds(provider)

    @router.post("/feeds/{provider}", summary="Take a registration file; the answer holds the Response File")
    async def post_feed(provider: str, text: Annotated[str, Body(media_type="text/plain")]) -> Json:
        result = await feeds.take(provider, text)
        return {**described(result), "response": result.response}

    @router.get("/incidents", summary="Incidents that the inventory raised")
    async def incidents() -> list[Json]:
        return await views.incidents()

    @router.get("/market-share", summary="Market-share summary for the Central Delivery Body")
    async def market_share() -> PlainTextResponse:
        return PlainTextResponse(await documents.market_share(), media_type="text/csv")

    @router.get("/suppliers-on-record/{network}", summary="The Supplier on record of each MPAN of a network")
    async def suppliers_on_record(network: str) -> PlainTextResponse:
        return PlainTextResponse(await documents.supplier_on_record(network), media_type="text/csv")

    @router.get("/service-flags/{network}", summary="DCC Status File: the DCC Service Flag of each point of a network")
    async def service_flags(network: str) -> PlainTextResponse:
        return PlainTextResponse(await documents.status(network), media_type="text/csv")

    return router


def product_routes(
    products: Products, hubs: Hubs, hub_firmware: HubFirmware, views: Views, clock: Clock, settling: Settling
) -> APIRouter:
    """Certified Products List, hubs of the DCC, duties."""
    router = APIRouter(prefix=PREFIX, tags=["inventory"], route_class=settling.route_class())

    @router.get("/products", summary="The Certified Products List")
    async def list_products() -> list[Json]:
        return [asdict(product) for product in await products.list()]

    @router.post("/products", summary="Import a new issue of the list (CSV); Devices follow")
    async def import_products(text: Annotated[str, Body(media_type="text/csv")]) -> Json:
        return {**await products.import_list(text)}

    @router.put("/products", summary="Make or change one entry; Devices follow")
    async def put_product(values: Annotated[Json, Body()]) -> Json:
        wanted = {name: values.get(name) for name in ("device_type", "manufacturer", "model")}
        if not all(wanted.values()) or values.get("status", "Active") not in CPL_STATUSES:
            detail = f"device_type, manufacturer and model are needed; status is one of {', '.join(CPL_STATUSES)}"
            raise ProtocolError("BAD_PRODUCTS_LIST", detail)
        product = Product(
            **{name: str(value) for name, value in wanted.items()},
            firmware_version=str(values.get("firmware_version") or "").upper(),
            smets_chts_version=values.get("smets_chts_version"),
            gbcs_version=values.get("gbcs_version"),
            image_hash=values.get("image_hash"),
            status=str(values.get("status", "Active")),
        )
        return {"devices": await products.put(product)}

    @router.post(
        "/hubs", summary="The DCC takes a hub (CHF and GPF) into the inventory before delivery", status_code=201
    )
    async def deliver_hub(values: Annotated[Json, Body()], check_certificates: bool = True) -> Json:
        fact = await hubs.deliver(values, check_certificates=check_certificates)
        return fact.model_dump(mode="json")

    @router.post(
        "/hubs/{eui}/firmware",
        summary="The DCC sends a firmware image (base64) to a hub; CHF and GPF follow when the hub runs it",
        status_code=202,
    )
    async def upgrade_hub(
        eui: str, version: Annotated[str, Body(embed=True)], image: Annotated[str, Body(embed=True)]
    ) -> Json:
        try:
            octets = base64.b64decode(image, validate=True)
        except binascii.Error as error:
            raise ProtocolError("FIRMWARE_IMAGE_SIZE", f"the image is not base64: {error}") from None
        return (await hub_firmware.order(eui.upper(), version, octets)).model_dump(mode="json")

    @router.post("/devices/{eui}/decommission", summary="The DCC decommissions a Device")
    async def decommission(eui: str) -> Json:
        return (await hubs.decommission(eui.upper())).model_dump(mode="json")

    @router.get("/duties", summary="Post-commissioning duties; overdue=true: those past seven days")
    async def duties(
        device: str | None = None, overdue: bool = False, limit: Annotated[int, Query(ge=1, le=10000)] = 1000
    ) -> list[Json]:
        at = clock.now() if overdue else None
        return await views.duties(device=device and device.upper(), overdue_at=at, limit=limit)

    return router
