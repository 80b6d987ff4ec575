"""A simulated Device as a state machine: octets of a Command in, octets of what goes out, and a changed draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import respond
from dccemu_protocol.gbcs.envelope import GbcsMessage, decode
from dccemu_protocol.gbcs.respond import AlertOrder, DeviceFacts, Draft, NoRecipient, Occasion, Value
from dccemu_protocol.gbcs.respond.events import note

from .checks import admit, any_role_of
from .findings import Finding, Outcome, Refused

INTEGRITY_FAILURE = 0x8F1E
_SECURITY_LOG = "security"
_ECS100_VERSION = 4


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the simulation treats a Device.

    ``loss`` is the share of Commands that never arrive; ``silent`` Devices take Commands in and never answer;
    ``reachable`` false means that the hub cannot reach it and says so. Times are in milliseconds of the Clock.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    silent: bool = False
    reachable: bool = True
    powered: bool = True


@dataclass(slots=True)
class SimulatedDevice:
    """A Device: what it is, what it remembers, how it behaves."""

    facts: DeviceFacts
    stored: dict[str, Value] = field(default_factory=dict)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def draft(self) -> Draft:
        """The state to work on."""
        return Draft(self.stored)

    def keep(self, changes: dict[str, Value]) -> None:
        """Make the changes of a draft the Device's own, after they are durable."""
        for name, value in changes.items():
            if value is None:
                self.stored.pop(name, None)
            else:
                self.stored[name] = value

    def behave(self, **changes: object) -> None:
        """Change the behaviour."""
        self.behaviour = replace(self.behaviour, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Reaction:
    """What a Device did with a Command: the draft it changed, the Response and Alerts to send, and its findings."""

    draft: Draft
    outcome: Outcome
    response: bytes | None = None
    alerts: list[bytes] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    message: GbcsMessage | None = None


def react(
    device: SimulatedDevice,
    payload: bytes,
    at: datetime,
    new_private_key: Callable[[], ec.EllipticCurvePrivateKey],
) -> Reaction:
    """Parse, check, execute and answer one Command (gbcs.md section 12)."""
    reaction = Reaction(device.draft(), Outcome.DISCARDED)
    try:
        command = decode(payload)
    except ProtocolError as error:
        reaction.findings.append(Finding("FORM", False, "a GBCS message", str(error)))
        return reaction
    reaction.message = command
    orders: list[AlertOrder] = []
    try:
        admitted = admit(device.facts, reaction.draft, command, reaction.findings)
        occasion = Occasion(
            command, admitted.rules, device.facts, reaction.draft, at, admitted.role, new_private_key, orders
        )
        if admitted.counter is not None:
            reaction.draft.put(*admitted.counter)
        reaction.response = respond.respond(occasion)
        reaction.outcome = Outcome.ANSWERED
    except Refused as refusal:
        orders = _refused(device, reaction, command, refusal, at)
    except (ProtocolError, LookupError) as error:
        _undone(device, reaction, error, at)
        orders = [AlertOrder(INTEGRITY_FAILURE, role=2)] if isinstance(error, ProtocolError) else []
    reaction.alerts = seal(device.facts, reaction.draft, orders, at, reaction.findings)
    return reaction


def _refused(
    device: SimulatedDevice, reaction: Reaction, command: GbcsMessage, refusal: Refused, at: datetime
) -> list[AlertOrder]:
    if refusal.finding.rule == "USE_CASE":
        role = any_role_of(reaction.draft, command)
        reaction.outcome = Outcome.UNSUPPORTED
        if role is None or int(device.facts.gbcs_version.split(".")[0]) < _ECS100_VERSION:
            return []
        return [respond.unsupported(command, role)]
    if refusal.alert is None:
        return []
    note(reaction.draft, _SECURITY_LOG, at, refusal.alert)
    return [AlertOrder(refusal.alert, role=2)]


def _undone(device: SimulatedDevice, reaction: Reaction, error: Exception, at: datetime) -> None:
    """A payload that cannot be read, or a Response that cannot be protected, leaves nothing done."""
    reaction.draft = device.draft()
    rule = "PAYLOAD" if isinstance(error, ProtocolError) else "RESPONSE_KEY"
    reaction.findings.append(Finding(rule, False, "a Command that can be carried out and answered", str(error)))
    note(reaction.draft, _SECURITY_LOG, at, INTEGRITY_FAILURE)


def seal(
    facts: DeviceFacts, draft: Draft, orders: list[AlertOrder], at: datetime, findings: list[Finding]
) -> list[bytes]:
    """The Alerts ordered, protected; one that no cell names a party for is left out with a finding."""
    sealed = []
    for order in orders:
        try:
            sealed.append(respond.alert(facts, draft, order, at))
        except (NoRecipient, LookupError) as error:
            findings.append(Finding("ALERT_RECIPIENT", False, f"a party for alert {order.code:04x}", str(error)))
    return sealed
