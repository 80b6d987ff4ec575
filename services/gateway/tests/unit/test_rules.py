"""The table of checks: complete, in order, and every rule known to the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dccemu_gateway
from dccemu_gateway.domain.refusal import Refusal
from dccemu_gateway.domain.rules import ADMISSION, RECHECK, RULES, SUBSTANCE, run
from dccemu_gateway.domain.rules.table import Rule, code_of, failure_of
from dccemu_gateway.domain.status import ALLOWED
from dccemu_protocol import catalogue
from dccemu_protocol.errors import EmulatorError

SOURCES = sorted(Path(dccemu_gateway.__file__).parent.rglob("*.py"))
RAISED = re.compile(r'(?:Refusal|ProtocolError)\(\s*"([A-Z_0-9]+)"')
INTERNAL = {
    # Rules about messages of Devices and of the CoS Party, about admin calls or signed files: never answered by DUIS.
    "FILE_SIGNER",
    "FILE_REFERENCE",
    "RESPONSE_UNMATCHED",
    "RESPONSE_MISMATCH",
    "COS_COMMAND",
    "CSR_UNREADABLE",
    "CSR_SIGNATURE",
    "CERTIFICATE_UNREADABLE",
}


def test_the_checks_stand_in_the_order_of_the_reference() -> None:
    numbers = [int(rule.number) for rule in RULES if rule.number.isdigit() and rule.name != "peer"]

    assert numbers == sorted(numbers)
    assert RULES == ADMISSION + SUBSTANCE
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.clause and rule.demands for rule in RULES)


def test_every_rule_that_is_raised_is_in_the_catalogue() -> None:
    raised = {name for source in SOURCES for name in RAISED.findall(source.read_text("utf-8"))}

    assert len(raised) > 40
    unknown = set()
    for name in raised - INTERNAL:
        try:
            catalogue.rule(name)
        except EmulatorError:
            unknown.add(name)
    assert unknown == set()


def test_what_runs_again_at_the_due_time_is_what_the_reference_names() -> None:
    assert {rule.number for rule in RECHECK} == {"6", "7", "8", "14", "15", "16", "17", "19"}


def test_the_first_failure_ends_processing_with_its_evidence() -> None:
    called: list[str] = []

    def fine(_: object) -> None:
        called.append("fine")

    def fail(_: object) -> None:
        raise Refusal("UNKNOWN_DEVICE", expected="a Device", got="none", place="RequestID")

    def never(_: object) -> None:
        called.append("never")

    rules = [Rule("1", "one", "c1", "d", fine), Rule("2", "two", "c2", "d", fail), Rule("3", "three", "c3", "d", never)]
    verdict = run(None, rules)  # type: ignore[arg-type]

    assert called == ["fine"]
    assert verdict.passed == 1
    assert verdict.failure is not None
    assert (verdict.failure.code, verdict.failure.clause) == ("E19", "c2")
    assert (verdict.failure.expected, verdict.failure.got) == ("a Device", "none")


def test_a_rule_nobody_knows_falls_back_where_that_is_meant() -> None:
    assert code_of("NEVER_HEARD_OF", otherwise="CANNOT_TRANSFORM") == "E48"
    with pytest.raises(EmulatorError):
        code_of("NEVER_HEARD_OF")
    assert failure_of(RULES[0], Refusal("NOT_XML", expected="XML", got="none")).code == ""


EXAMPLES = (
    ("Pending", "4.1.1", 1, False),
    ("Pending", "6.11", 6, True),
    ("Whitelisted", "8.1.1", 5, True),
    ("Whitelisted", "4.1.1", 1, False),
    ("Whitelisted", "6.2.4", 1, True),
    ("InstalledNotCommissioned", "8.7.2", 1, True),
    ("InstalledNotCommissioned", "8.12.2", 1, True),
    ("Commissioned", "4.1.1", 1, True),
    ("Suspended", "11.3", 5, True),
    ("Suspended", "4.1.1", 1, False),
    ("Decommissioned", "6.24.1", 1, False),
    ("Withdrawn", "4.1.1", 1, False),
    ("Recovery", "6.23", 1, True),
    ("Recovery", "4.1.1", 1, False),
    ("Recovered", "4.1.1", 1, True),
)


@pytest.mark.parametrize(("status", "srv", "cv", "allowed"), EXAMPLES)
def test_the_status_table_allows_what_section_3_says(status: str, srv: str, cv: int, allowed: bool) -> None:
    assert ALLOWED[status][1](catalogue.service_requests[srv], cv) is allowed
