"""Port 8086: the status of hubs and Devices on the SM WAN, read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from dccemu_runtime.http import app as applications

from ..domain.seeding import hyphened
from ..usecases.fleet import Fleet


def application(fleet: Fleet, unready: Callable[[], list[str]], max_body_bytes: int) -> FastAPI:
    """The application."""
    app = applications.create("dccemu SM WAN", unready=unready, max_body_bytes=max_body_bytes)

    @app.get("/hubs", summary="Communications Hubs with the Devices each serves", tags=["SM WAN"])
    async def hubs() -> list[dict[str, Any]]:
        return [
            {
                "hub": hyphened(hub.facts.eui),
                "connected": hub.behaviour.reachable and hub.behaviour.powered,
                "devices": [hyphened(device.facts.eui) for device in fleet if device.facts.hub == hub.facts.eui],
            }
            for hub in fleet
            if hub.facts.type == "CHF"
        ]

    @app.get("/devices", summary="Devices and whether they can be reached", tags=["SM WAN"])
    async def devices() -> list[dict[str, Any]]:
        return [
            {
                "device": hyphened(device.facts.eui),
                "type": device.facts.type,
                "hub": hyphened(device.facts.hub) if device.facts.hub else None,
                "connected": device.behaviour.reachable and device.behaviour.powered,
            }
            for device in fleet
        ]

    return app
