"""What a Device checks before it carries out a Command (gbcs.md section 12), in order; the first failure ends it.

1. the target is the Device itself and the message code is one of its use cases, else ECS100 (alert 8F85);
2. the MAC, with the broker's key agreement certificate of the Device's own cell;
3. the originator is the party in a cell of a role that may use the message code, else 8F30;
4. a critical Command is signed with the key in that role's digital signature cell;
5. the counter is greater than the last accepted one of that role for that purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import crypto
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage
from dccemu_protocol.gbcs.respond import DeviceFacts, Draft, MessageRules, rules_of
from dccemu_protocol.gbcs.respond.keys import USAGES, cell_key, cell_name, own_key

from .findings import Finding, Refused

BROKER = 4
NO_AUTHORITY, AUTHENTICATION_FAILURE = 0x8F30, 0x8F3D
_ANY_ROLE = frozenset((2, 3, 4, 5, 6, 8, 1))
_CRA_NAMES = {cra: cra.name.title() for cra in CRA}
# Message codes whose Commands carry a counter of the credentials purpose, and those that have a cache of their own.
_CREDENTIALS = frozenset((*range(0x0100, 0x010A), 0x0125, 0x0126))
_TOP_UP = frozenset((0x0007, 0x0097))
_FIRMWARE = 0x0012


class Admitted(NamedTuple):
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
    if command.cra is CRA.COMMAND and command.target.octets == facts.octets:
        findings += _addressed(facts.eui, command.target.hex)
    else:
        _check(findings, "IS_COMMAND", command.cra is CRA.COMMAND, "a Command", _CRA_NAMES[command.cra])
        _check(findings, "TARGET", command.target.octets == facts.octets, facts.eui, command.target.hex)
    rules = rules_of(command.message_code)
    if rules is None or facts.type not in rules.devices:
        _check_mac(state, command, findings)
        findings.append(Finding("USE_CASE", False, f"a use case of {facts.type}", f"{command.message_code:04x}"))
        raise Refused(findings[-1])
    findings.append(_performed(facts.type, rules.use_cases[0]))
    role = role_of(state, command, rules.roles)
    protection = rules.protection
    if protection == "by-originator":
        protection = "mac" if role == BROKER else "signature"
    if "mac" in protection:
        _check_mac(state, command, findings)
    _check(findings, "AUTHORITY", role is not None, _named(rules.roles), command.originator.hex, NO_AUTHORITY)
    assert role is not None
    if "signature" in protection:
        _check_proof(findings, "SIGNATURE", f"made by role {role}", lambda: _verify_signature(state, command, role))
    counter = counter_name(rules, role)
    if counter is not None:
        last = state.integer(counter, -1)
        _check(findings, "COUNTER", command.counter > last, f"more than {last}", str(command.counter))
        return Admitted(rules, role, (counter, command.counter))
    return Admitted(rules, role, None)


def _check(findings: list[Finding], rule: str, passed: bool, expected: str, got: str, alert: int | None = None) -> None:
    finding = Finding(rule, passed, expected, got)
    findings.append(finding)
    if not passed:
        raise Refused(finding, alert=alert)


def _check_mac(state: Draft, command: GbcsMessage, findings: list[Finding]) -> None:
    _check_proof(findings, "MAC", "made by the broker of the cell", lambda: _verify_mac(state, command))


def _check_proof(findings: list[Finding], rule: str, expected: str, verify: Callable[[], None]) -> None:
    try:
        verify()
    except (ProtocolError, LookupError) as error:
        _check(findings, rule, False, expected, str(error), AUTHENTICATION_FAILURE)
    else:
        findings.append(_verified(rule, expected))


def _verify_mac(state: Draft, command: GbcsMessage) -> None:
    public = cell_key(state, BROKER, "keyAgreement")
    crypto.verify_mac(command, crypto.shared_secret(own_key(state, "keyAgreement"), public))


def _verify_signature(state: Draft, command: GbcsMessage, role: int) -> None:
    crypto.verify_signature(command, cell_key(state, role, "digitalSignature"))


def role_of(state: Draft, command: GbcsMessage, allowed: frozenset[int]) -> int | None:
    """The role among ``allowed`` in whose cells the originator is found."""
    originator = command.originator.hex
    for role in _in_order(allowed):
        for usage in USAGES:
            if state.look(cell_name(role, usage)).get("eui") == originator:
                return role
    return None


def any_role_of(state: Draft, command: GbcsMessage) -> int | None:
    """The role of a known originator, whatever it may use."""
    return role_of(state, command, _ANY_ROLE)


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


@lru_cache(maxsize=65536)
def _addressed(eui: str, target: str) -> tuple[Finding, Finding]:
    """What is found of every Command for a Device."""
    return Finding("IS_COMMAND", True, "a Command", _CRA_NAMES[CRA.COMMAND]), Finding("TARGET", True, eui, target)


@lru_cache(maxsize=1024)
def _performed(device_type: str, use_case: str) -> Finding:
    return Finding("USE_CASE", True, f"a use case of {device_type}", use_case)


@lru_cache(maxsize=1024)
def _verified(rule: str, expected: str) -> Finding:
    return Finding(rule, True, expected, "verified")


@lru_cache(maxsize=256)
def _in_order(roles: frozenset[int]) -> tuple[int, ...]:
    return tuple(sorted(roles))


@lru_cache(maxsize=256)
def _named(roles: frozenset[int]) -> str:
    return "a party of role " + ", ".join(str(role) for role in _in_order(roles))
