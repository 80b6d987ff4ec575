"""Admin routes under ``/admin/devices``: behaviour, state, alerts, power and firmware of simulated Devices."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from dccemu_runtime.http.problem import Problem

from ..domain.device import SimulatedDevice
from ..domain.on_demand import ROLES, Asked
from ..domain.seeding import hyphened, plain
from ..usecases.administration import Administration
from ..usecases.fleet import Fleet
from ..usecases.receive import Receive

Eui = Annotated[str, Path(pattern=r"^([0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}$|^[0-9A-Fa-f]{16}$")]
_Code = Annotated[str, Field(pattern=r"^(0x)?[0-9A-Fa-f]{4}$")]


class Body(BaseModel):
    """A request body: unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


class DeviceChange(Body):
    """What a PUT may change; what is left out stays.

    ``registers`` are cumulative values in Wh, varh or thousandths of a cubic metre; ``state`` sets named values as GET
    shows them (``null`` forgets one), among them ``failures``: DLMS member, GBZ component or message code to the result
    it shall fail with.
    """

    latency_ms: float | None = Field(default=None, ge=0)
    jitter_ms: float | None = Field(default=None, ge=0)
    loss: float | None = Field(default=None, ge=0, le=1)
    silent: bool | None = None
    reachable: bool | None = None
    registers: dict[str, int] = {}
    state: dict[str, Any] = {}


class AlertRequest(Body):
    """An Alert to send: its code, the recipient's role where the usual one is not meant, parameters of its content."""

    code: _Code
    role: str | None = None
    parameters: dict[str, str] = {}


class Power(Body):
    """Whether there is supply."""

    supplied: bool


class Image(Body):
    """A firmware image that reaches the Device: SHA-256 of it, its version, and whether it verifies."""

    hash: str = Field(pattern=r"^[0-9A-Fa-f]{64}$")
    version: str = Field(pattern=r"^[0-9A-Fa-f]{8}$")
    genuine: bool = True


class LocalCommand(Body):
    """A whole GBCS Command in base64, as DUIS answers it for local delivery."""

    payload: str


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Problem(422, f"the payload is not base64: {error}", code="BAD_PAYLOAD") from None


def routes(fleet: Fleet, administration: Administration, receive: Receive) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/admin/devices", tags=["devices"])

    def device_of(eui: str) -> SimulatedDevice:
        found = fleet.find(plain(eui))
        if found is None:
            raise Problem(404, f"no simulated Device {eui}", code="UNKNOWN_DEVICE")
        return found

    @router.get("", summary="All simulated Devices")
    async def devices() -> list[dict[str, Any]]:
        return [
            {
                "device": hyphened(device.facts.eui),
                "type": device.facts.type,
                "hub": hyphened(device.facts.hub) if device.facts.hub else None,
                "reachable": device.behaviour.reachable and device.behaviour.powered,
                "silent": device.behaviour.silent,
            }
            for device in sorted(fleet, key=lambda one: one.facts.eui)
        ]

    @router.get("/{eui}", summary="A Device's state, without its private keys")
    async def device(eui: Eui) -> dict[str, Any]:
        return administration.show(device_of(eui))

    @router.put("/{eui}", summary="Change behaviour, registers or named values")
    async def change(eui: Eui, body: DeviceChange) -> dict[str, Any]:
        found = device_of(eui)
        behaviour = body.model_dump(exclude={"registers", "state"}, exclude_none=True)
        if body.registers or body.state:
            await administration.change(found, body.registers, body.state)
        if behaviour:
            await administration.behave(found, behaviour)
        return administration.show(found)

    @router.post("/{eui}/alerts", status_code=202, summary="Have the Device send an Alert")
    async def alert(eui: Eui, body: AlertRequest) -> dict[str, Any]:
        if body.role is not None and body.role not in ROLES:
            raise Problem(422, f"role {body.role!r} is none of {', '.join(ROLES)}", code="UNKNOWN_ROLE")
        role = None if body.role is None else ROLES[body.role]
        code = int(body.code.removeprefix("0x"), 16)
        counter = await administration.alert(device_of(eui), Asked(code, role, body.parameters))
        return {"device": hyphened(plain(eui)), "code": f"{code:04X}", "counter": counter}

    @router.post("/{eui}/commands", summary="Bring a Command to the Device with a hand held terminal")
    async def command(eui: Eui, body: LocalCommand) -> dict[str, Any]:
        reaction = await receive.take_locally(device_of(eui), _octets(body.payload))
        failed = next((finding for finding in reaction.findings if not finding.passed), None)
        response = None if reaction.response is None else base64.b64encode(reaction.response).decode()
        return {
            "outcome": reaction.outcome.value,
            "response": response,
            "refusal": None
            if failed is None
            else {"rule": failed.rule, "expected": failed.expected, "got": failed.got},
        }

    @router.put("/{eui}/power", summary="Take the supply away or give it back")
    async def power(eui: Eui, body: Power) -> dict[str, Any]:
        found = device_of(eui)
        await (administration.power_on(found) if body.supplied else administration.power_off(found))
        return administration.show(found)

    @router.post("/{eui}/firmware", status_code=202, summary="A firmware image reaches the Device")
    async def firmware(eui: Eui, body: Image) -> dict[str, Any]:
        found = device_of(eui)
        await administration.receive_image(found, body.hash.lower(), body.version.lower(), genuine=body.genuine)
        return administration.show(found)

    return router
