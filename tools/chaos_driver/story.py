"""A story under kills: a service dies while each step is under way, and what the suite holds at the end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Any, cast

from dccemu.story.telling import Summary, Told
from dccemu_contracts.scenario import Scenario
from dccemu_sdk.admin import AdminClient
from dccemu_sdk.errors import GatewayError

from .house import House

LATEST_SECONDS = 0.06
"""A kill lands at most so long after its step began; about as long as an undisturbed step takes."""
_READY_SECONDS = 60.0
_ABSENT = 404


class Striker:
    """Hears of each step and kills a service while it is under way: one after the other, each when it is up.

    Parameters
    ----------
    services
        The services that die by turns.
    seed
        For the moment within the step.
    """

    def __init__(self, house: House, admin: AdminClient, services: Sequence[str], seed: int) -> None:
        self._house = house
        self._admin = admin
        self._turns = list(services)
        self._random = random.Random(seed)
        self._blow: threading.Thread | None = None
        self.landed: list[tuple[int, str]] = []
        self.said: list[str] = []

    def begin(self, number: int, chapter: str, say: str) -> None:
        """Let somebody die a moment later."""
        self._blow = threading.Thread(target=self._strike, args=(number, self._random.random()))
        self._blow.start()

    def end(self, number: int, told: Told, seconds: float) -> None:
        """The step is over; its kill has landed."""
        assert self._blow is not None
        self._blow.join()
        self.said.append(f"{number} {seconds:.2f} s {' / '.join(told.lines)} {told.failure or ''}")

    def close(self, summary: Summary) -> None:
        """The story is over."""

    def _strike(self, number: int, part: float) -> None:
        time.sleep(part * LATEST_SECONDS)
        service = self._next()
        while self._house.kill(service) is None:
            # It fell before its death was noticed: somebody else's turn.
            service = self._next()
        self.landed.append((number, service))

    def _next(self) -> str:
        """Give the next whose turn it is among those that are up: one that is down already proves nothing."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            missing = self._unready()
            for service in self._turns:
                if service not in missing:
                    self._turns.remove(service)
                    self._turns.append(service)
                    return service
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {_READY_SECONDS:g} s still: {missing}")
            time.sleep(0.02)

    def _unready(self) -> str:
        try:
            self._admin.call("GET", "/readyz")
        except GatewayError as error:
            return error.detail
        return ""


_PASSING = frozenset(
    {"id", "at", "version", "status_at", "commissioned_on", "ski", "serial", "request_id", "opened_at"}
)
# Both ends of a join are answered, and their outcomes travel in no order: whichever is heard first moves the status.
_EITHER = {f"SR 8.7.{number} answered": "SR 8.7.1 or 8.7.2 answered" for number in (1, 2)}
_PASSING_TOO = frozenset({"due_at", "reported_at", "hashed_key", "hashed_tc_link_key", "extended_pan_id"})


def held(admin: AdminClient, scenario: Scenario) -> dict[str, Any]:
    """Give what the suite holds of the story's home, without keys, times and identifiers that differ from run to run.

    Inventory records with status history and duties, the gateway's copies, registrations, and the Devices' own trust
    anchor cells.
    """
    points = [point.mpxn for point in scenario.meter_points]
    records = cast(list[dict[str, Any]], admin.call("GET", "/admin/inventory/devices"))
    devices = sorted(str(record["device"]) for record in records)
    return {
        "inventory": {eui: lasting(admin.call("GET", f"/admin/inventory/devices/{eui}")) for eui in devices},
        "gateway": {eui: lasting(admin.call("GET", f"/admin/gateway/records/{eui}")) for eui in devices},
        "registrations": {
            mpxn: [
                lasting(admin.call("GET", f"/admin/{place}/registrations/{mpxn}")) for place in ("inventory", "gateway")
            ]
            for mpxn in points
        },
        "cells": {eui: lasting(cells(admin, eui)) for eui in devices},
    }


def comes_to(admin: AdminClient, scenario: Scenario, wanted: dict[str, Any]) -> dict[str, Any]:
    """Give what is held as soon as it is what is wanted, or the last that was seen: facts travel as events."""
    deadline, seen = time.monotonic() + _READY_SECONDS, dict[str, Any]()
    while seen != wanted and time.monotonic() < deadline:
        try:
            seen = held(admin, scenario)
        except GatewayError as error:
            seen = {"away": str(error)}
        time.sleep(0.05)
    return seen


def differences(wanted: Any, seen: Any, place: str = "") -> list[str]:
    """List the places at which two states differ, with what should be and what is."""
    if isinstance(wanted, dict) and isinstance(seen, dict):
        names = sorted(wanted.keys() | seen.keys())
        return [one for name in names for one in differences(wanted.get(name), seen.get(name), f"{place}/{name}")]
    if isinstance(wanted, list) and isinstance(seen, list) and len(wanted) == len(seen):
        pairs = enumerate(zip(wanted, seen, strict=True))
        return [one for number, pair in pairs for one in differences(*pair, f"{place}/{number}")]
    return [] if wanted == seen else [f"{place}: {seen!r} should be {wanted!r}"]


def cells(admin: AdminClient, eui: str) -> list[dict[str, Any]]:
    """Give a simulated Device's trust anchor cells; a Type 2 Device has none and is not simulated."""
    try:
        return cast(list[dict[str, Any]], admin.device(eui)["cells"])
    except GatewayError as error:
        if error.status != _ABSENT:
            raise
        return []


def lasting(value: Any) -> Any:
    """Drop what differs between two runs of the same story."""
    if isinstance(value, dict):
        kept = {name: lasting(one) for name, one in value.items() if name not in _PASSING | _PASSING_TOO}
        return {**kept, "done_at": kept["done_at"] is not None} if "done_at" in kept else kept
    if isinstance(value, str):
        return _EITHER.get(value, value)
    return [lasting(one) for one in value] if isinstance(value, list) else value


def stray_cells(admin: AdminClient, devices: Sequence[str]) -> list[str]:
    """List cells whose key the inventory believes to be another than the Device holds."""
    found = []
    for eui in devices:
        record = cast(dict[str, Any], admin.call("GET", f"/admin/inventory/devices/{eui}"))
        believed = {_place(cell): cell["ski"] for cell in record["cells"] if cell.get("ski")}
        real = {_place(cell): cell["ski"] for cell in cells(admin, eui)}
        found += [
            f"{eui} {place}: {ski}, not {real.get(place)}" for place, ski in believed.items() if real.get(place) != ski
        ]
    return found


def _place(cell: dict[str, Any]) -> tuple[Any, Any, Any]:
    return cell["role"], cell["usage"], cell["cell_usage"]
