"""The table: number, name, clause, the rule in words, and the check.

The first failure ends processing and answers the User. The order is the reference's; check 1 (peer) and the checks of
Signed Pre-Commands (7a to 7d of section 8) have their places where all they need is known. The table is cut in two
because what lies between must be fetched: a kept Pre-Command, and whether the RequestID was used before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dccemu_protocol import catalogue
from dccemu_protocol.errors import EmulatorError, ProtocolError

from ..examination import Examination
from ..refusal import Failure, Refusal, Verdict
from . import authority, certificates, dates, device, document, form, services, signed

_SECTION_2 = "service-request-processing.md 2"
_SECTION_14 = "service-request-processing.md 14"
_SECTION_8 = "service-request-processing.md 8"


@dataclass(frozen=True, slots=True)
class Rule:
    """One numbered check."""

    number: str
    name: str
    clause: str
    demands: str
    check: Callable[[Examination], None]
    otherwise: str = ""


def _rule(number: str, name: str, demands: str, check: Callable[[Examination], None], clause: str = "") -> Rule:
    return Rule(number, name, clause or f"{_SECTION_2}, check {number}", demands, check)


ADMISSION: tuple[Rule, ...] = (
    _rule("2", "well-formed", "XML without DTD, root Request, readable RequestID", document.well_formed),
    _rule("1", "peer", "the TLS peer's Party owns the originator", document.from_the_peer, "duis.md 1, item 5"),
    _rule("3", "schema", "valid against the schema, known schemaVersion", document.schema_valid),
    _rule("4", "signature", "XML signature of the profile that verifies", document.signature_valid),
    _rule("5", "signer", "valid certificate of role 135, owned by the originator", document.signer_is_the_user),
    _rule("6", "user", "User ID of an acceded Party with a User Role", authority.user_known),
    _rule("7", "user status", "entry process complete, not suspended", authority.user_may_send),
    _rule("8", "role", "a held role is eligible for the service", authority.role_eligible),
    _rule("9", "service", "Service Reference, variant and body belong together", form.parts_agree),
    _rule("10", "command variant", "Command Variant in the service's list", form.command_variant_allowed),
    _rule("11", "web service", "web service fits the Command Variant", form.web_service_fits),
    _rule("12", "target", "a Device, or the DCC for Command Variant 8", form.target_fits),
)
"""What a document says by itself and with the facts in memory."""

SUBSTANCE: tuple[Rule, ...] = (
    _rule("13", "duplicate", "RequestID and kind not used before", form.not_repeated),
    _rule("14", "device", "Device in the inventory", device.device_known),
    _rule("15", "device type", "Device type can perform the service", device.device_type_fits),
    _rule("16", "device status", "SMI status allows the service", device.status_allows),
    _rule("17", "device model", "Device Model listed, or the service brings it back", device.model_listed),
    _rule("19", "entitlement", "registered in that role at the time that matters", device.user_entitled),
    _rule("19", "consent", "an Other User's consent, where it needs one", device.consent_recorded, _SECTION_14),
    _rule("19", "period", "for log reads, on every date of the period", device.period_in_own_time),
    _rule("20", "local delivery", "role and status permit local delivery", device.local_delivery_allowed),
    _rule("21", "future date", "date allowed, not past, not more than 30 days ahead", dates.date_acceptable),
    _rule("23", "certificates", "certificates in the body acceptable", certificates.certificates_acceptable),
    _rule("24", "service rules", "the rules of the service itself", services.service_rules_hold),
    _rule("7b", "pre-command", "a Pre-Command exists and lives", signed.pre_command_exists, f"{_SECTION_8}, 7b"),
    _rule("7a", "header agreement", "GBCS header agrees with RequestID", signed.header_agrees, f"{_SECTION_8}, 7a"),
    _rule("7c", "same pre-command", "octets of the Pre-Command", signed.is_the_pre_command, f"{_SECTION_8}, 7c"),
    _rule("7d", "gbcs signature", "signed by the User's role", signed.signature_is_the_users, f"{_SECTION_8}, 7d"),
)
"""What depends on the history of the RequestID and on the Device."""

RULES: tuple[Rule, ...] = ADMISSION + SUBSTANCE


def _counted_elsewhere(_examination: Examination) -> None:
    """25 is not made of the request alone: ``domain.anomaly`` counts it among the others."""


ANOMALY = _rule("25", "threshold anomaly detection", "within the thresholds of User and DCC", _counted_elsewhere)
"""The last check; its failure is no refusal: the request is accepted and quarantined."""
_AGAIN = frozenset({"6", "7", "8", "14", "15", "16", "17", "19"})
RECHECK: tuple[Rule, ...] = tuple(rule for rule in RULES if rule.number in _AGAIN and rule.name != "period")
"""What runs again when a future dated or scheduled request comes due (section 2, last paragraph)."""
RELEASED: tuple[Rule, ...] = tuple(rule for rule in RULES if rule in RECHECK or rule.number == "21")
"""The fresh access control of a request that is released from quarantine (section 16, step 6)."""


def code_of(rule: str, otherwise: str = "") -> str:
    """The response code of a rule; empty for one that is answered with an HTTP status only.

    ``otherwise`` is a rule whose code serves where the catalogue does not know ``rule``.
    """
    try:
        return catalogue.rule(rule).code or ""
    except EmulatorError:
        if not otherwise:
            raise
        return catalogue.response_code(otherwise)


def failure_of(rule: Rule, error: ProtocolError) -> Failure:
    """The evidence of a rule that failed."""
    return Failure(
        number=rule.number,
        check=rule.name,
        rule=error.rule,
        clause=error.source or rule.clause,
        expected=error.expected if isinstance(error, Refusal) else rule.demands,
        got=error.got if isinstance(error, Refusal) else error.detail,
        place=error.place,
        code=code_of(error.rule),
    )


def run(examination: Examination, rules: Sequence[Rule]) -> Verdict:
    """Run rules in order up to the first failure."""
    rule = rules[0]
    try:
        for rule in rules:
            rule.check(examination)
    except ProtocolError as error:
        return Verdict(rules.index(rule), failure_of(rule, error))
    return Verdict(len(rules))
