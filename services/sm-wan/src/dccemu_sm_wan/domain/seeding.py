"""A Device as it leaves the factory: facts from the scenario, keys of its own, cells with the parties named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.inventory import TrustAnchorCell
from dccemu_contracts.scenario import Scenario, ScenarioDevice
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.respond import DeviceFacts, Draft, Value, switch_on
from dccemu_protocol.gbcs.respond.hub import link_key_hash
from dccemu_protocol.gbcs.respond.keys import USAGES, cell_name, scalar_of

from .device import Behaviour

_DEVICE_NUMBERS = {"GSME": 0, "ESME": 1, "CHF": 2, "GPF": 3, "HCALCS": 4, "PPMID": 5, "SAPC": 4}
_BEFORE = timedelta(days=90)


def facts_of(scenario: Scenario, device: ScenarioDevice, now: datetime, *, dated: bool = True) -> DeviceFacts:
    """What the scenario says of the Device; registers count from its commissioning, or from 90 days ago."""
    product = scenario.product(device.product)
    begin = now - _BEFORE
    if device.commissioned_on is not None:
        commissioned = datetime.combine(device.commissioned_on, time(), UTC)
        begin = commissioned if commissioned < now else begin
    registers = {name: int(value) for name, value in device.simulation.registers.items() if isinstance(value, int)}
    source = device.meters[0] if device.type == "GPF" and device.meters else ""
    return DeviceFacts(
        eui=plain(device.device),
        type=device.type,
        variant=device.esme_variant or "",
        gbcs_version=product.gbcs_version or "4.3",
        manufacturer=product.manufacturer,
        model=product.model,
        firmware=_version(product.firmware_version),
        hub=plain(device.hub or ""),
        gpf=plain(device.gpf or ""),
        source=plain(source),
        import_mpxn=device.import_mpxn or "",
        secondary_mpan=device.secondary_import_mpan or "",
        export_mpan=device.export_mpan or "",
        installed=times.seconds_since_2000(begin.replace(microsecond=0)),
        dated=dated,
        registers=registers,
    )


@lru_cache(maxsize=65536)
def plain(eui: str) -> str:
    """Hexadecimal without hyphens, lower case."""
    return eui.replace("-", "").lower()


@lru_cache(maxsize=65536)
def hyphened(eui: str) -> str:
    """The DUIS form."""
    return bytes.fromhex(eui).hex("-").upper()


def _version(text: str | None) -> str:
    """Eight hexadecimal digits, as the firmware version is four octets."""
    try:
        return bytes.fromhex((text or "").rjust(8, "0")).hex()[:8]
    except ValueError:
        return "00000000"


def behaviour_of(device: ScenarioDevice) -> Behaviour:
    """The simulation settings."""
    simulation = device.simulation
    return Behaviour(
        latency_ms=simulation.latency_ms,
        jitter_ms=simulation.jitter_ms,
        loss=simulation.loss,
        silent=simulation.silent,
    )


def first_state(
    facts: DeviceFacts,
    cells: Iterable[TrustAnchorCell],
    neighbours: Iterable[ScenarioDevice],
    new_private_key: Callable[[], ec.EllipticCurvePrivateKey],
    given: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Everything that the Device remembers at first.

    ``neighbours`` are the Devices on the same hub: a hub lists them, the others list those they are joined to.
    ``given`` are named values that the scenario sets (``simulation: state:``).
    """
    draft = Draft({})
    switch_on(facts, draft)
    for usage in USAGES:
        draft.put(f"key/{usage}", scalar_of(new_private_key()))
    for cell in cells:
        name = cell_name(cell.role, cell.usage, cell.cell_usage)
        draft.put(name, {"eui": plain(cell.eui), "ski": "", "der": ""})
    others = [device for device in neighbours if plain(device.device) != facts.eui]
    if facts.type == "CHF":
        listed = [device for device in others if device.type != "GPF" and _has_joined(device)]
        log: dict[str, Value] = {plain(device.device): link_key(facts.eui, device) for device in listed}
        draft.put("hub/log", log)
    else:
        draft.put("han/log", _joined(facts, others))
    for name, value in (given or {}).items():
        draft.put(name, value)
    return draft.changes


def state_of(device: ScenarioDevice) -> dict[str, Value]:
    """Named values of the state that the scenario sets.

    Raises
    ------
    ProtocolError
        ``BAD_SCENARIO`` when it is not a map, or would set keys.
    """
    given = (device.simulation.model_extra or {}).get("state", {})
    if not isinstance(given, dict) or any(str(name).startswith(("key/", "cell/")) for name in given):
        raise ProtocolError(
            "BAD_SCENARIO", f"device {device.device}: simulation.state maps names to values, keys excepted"
        )
    return {str(name): value for name, value in given.items()}


def link_key(hub: str, device: ScenarioDevice) -> str:
    """Hash of the link key between a hub and a Device of it."""
    return link_key_hash(bytes.fromhex(hub), bytes.fromhex(plain(device.device))).hex()


def _has_joined(device: ScenarioDevice) -> bool:
    return device.status not in ("Pending", None) or device.type in ("IHD", "CAD")


def _joined(facts: DeviceFacts, others: list[ScenarioDevice]) -> dict[str, Value]:
    """The device log of a meter or Type 1 Device: those that name it, those it names, a meter's Gas Proxy Function."""
    found: dict[str, Value] = {}
    for other in others:
        names_me = facts.eui in [plain(eui) for eui in other.meters]
        named = plain(other.device) in (facts.gpf, facts.source)
        if (names_me or named) and _has_joined(other):
            found[plain(other.device)] = _DEVICE_NUMBERS.get(other.type, 6)
    return found
