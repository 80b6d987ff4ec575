"""What a Device checks before it carries out a Command (gbcs.md section 12), in order; the first failure ends it.

1. the target is the Device itself and the message code is one of its use cases, else ECS100 (alert 8F85);
2. the MAC, with the broker's key agreement certificate of the Device's own cell;
3. the originator is the party in a cell of a role that may use the message code, else 8F30;
4. a critical Command is signed with the key in that role's digital signature cell;
5. the counter is greater than the last accepted one of that role for that purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import crypto
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage
from dccemu_protocol.gbcs.respond import DeviceFacts, Draft, MessageRules, rules_of
from dccemu_protocol.gbcs.respond.keys import cell_key, own_key

from .findings import Finding, Refused

BROKER = 4
NO_AUTHORITY, AUTHENTICATION_FAILURE = 0x8F30, 0x8F3D
_ANY_ROLE = (2, 3, 4, 5, 6, 8, 1)
# Message codes whose Commands carry a counter of the credentials purpose, and those that have a cache of their own.
_CREDENTIALS = frozenset((*range(0x0100, 0x010A), 0x0125, 0x0126))
_TOP_UP = frozenset((0x0007, 0x0097))
_FIRMWARE = 0x0012


@dataclass(frozen=True, slots=True)
class Admitted:
    """A Command that passed: the role it was sent in, and the name and value of the counter to remember."""

    rules: MessageRules
    role: int
    counter: tuple[str, int] | None


def admit(facts: DeviceFacts, state: Draft, command: GbcsMessage, findings: list[Finding]) -> Admitted:
    """Run the checks; each adds its finding.

    Raises
    ------
    Refused
        At the first check that fails.
    """

    def check(rule: str, test: Callable[[], object], expected: str, got: str, alert: int | None = None) -> None:
        try:
            passed = bool(test())
            seen = got
        except (ProtocolError, LookupError) as error:
            passed, seen = False, str(error)
        findings.append(Finding(rule, passed, expected, seen))
        if not passed:
            raise Refused(findings[-1], alert=alert)

    check("IS_COMMAND", lambda: command.cra is CRA.COMMAND, "a Command", command.cra.name.title())
    check("TARGET", lambda: command.target.octets == facts.octets, facts.eui, command.target.hex)
    rules = rules_of(command.message_code)
    if rules is None or facts.type not in rules.devices:
        _check_mac(state, command, check)
        findings.append(Finding("USE_CASE", False, f"a use case of {facts.type}", f"{command.message_code:04x}"))
        raise Refused(findings[-1])
    findings.append(Finding("USE_CASE", True, f"a use case of {facts.type}", rules.use_cases[0]))
    role = role_of(state, command, rules.roles)
    protection = rules.protection
    if protection == "by-originator":
        protection = "mac" if role == BROKER else "signature"
    if "mac" in protection:
        _check_mac(state, command, check)
    check("AUTHORITY", lambda: role is not None, _roles(rules), command.originator.hex, NO_AUTHORITY)
    assert role is not None
    if "signature" in protection:
        check(
            "SIGNATURE",
            lambda: _is_signed(state, command, role),
            f"made by role {role}",
            "verified",
            AUTHENTICATION_FAILURE,
        )
    counter = counter_name(rules, role)
    if counter is not None:
        last = state.integer(counter, -1)
        check("COUNTER", lambda: command.counter > last, f"more than {last}", str(command.counter))
        return Admitted(rules, role, (counter, command.counter))
    return Admitted(rules, role, None)


def _check_mac(
    state: Draft, command: GbcsMessage, check: Callable[[str, Callable[[], object], str, str, int | None], None]
) -> None:
    def verify() -> bool:
        public = cell_key(state, BROKER, "keyAgreement")
        crypto.verify_mac(command, crypto.shared_secret(own_key(state, "keyAgreement"), public))
        return True

    check("MAC", verify, "made by the broker of the cell", "verified", AUTHENTICATION_FAILURE)


def _is_signed(state: Draft, command: GbcsMessage, role: int) -> bool:
    crypto.verify_signature(command, cell_key(state, role, "digitalSignature"))
    return True


def role_of(state: Draft, command: GbcsMessage, allowed: frozenset[int]) -> int | None:
    """The role among ``allowed`` in whose cells the originator is found."""
    originator = command.originator.hex
    for role in sorted(allowed):
        for usage in ("digitalSignature", "keyAgreement"):
            if state.record(f"cell/{role}/{usage}/0").get("eui") == originator:
                return role
    return None


def any_role_of(state: Draft, command: GbcsMessage) -> int | None:
    """The role of a known originator, whatever it may use."""
    return role_of(state, command, frozenset(_ANY_ROLE))


def counter_name(rules: MessageRules, role: int) -> str | None:
    """Where the last accepted counter of a role for this purpose is kept; ``None`` where repeats are allowed.

    Purposes: immediate critical Commands, each future-datable use case, credential updates. Top-ups have the cache of
    UTRN counters, non-critical reads need none.
    """
    if rules.message_code in _CREDENTIALS:
        return f"counter/{role}/credentials"
    if "signature" not in rules.protection or rules.message_code in _TOP_UP:
        return None
    if rules.activations or rules.message_code == _FIRMWARE:
        return f"counter/{role}/future/{rules.message_code:04x}"
    return f"counter/{role}/critical"


def _roles(rules: MessageRules) -> str:
    return "a party of role " + ", ".join(str(role) for role in sorted(rules.roles))
