"""Statuses and codes as the interface specification has them (smki.md sections 5.4 and 5.5)."""

from __future__ import annotations

import re

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_smki.domain.codes import CA_FAILED, CODES, WORKFLOW_FAILED, outcome_of, refusal_of_batch

AD_HOC = {
    "UNKNOWN_DEVICE": "UD:",
    "ISSUANCE_ANOMALY": "CA:",
    "CSR_ERROR": "CR:",
    "CA_ERROR": "CA:",
    "FORMAT_ERROR": "FM:",
    "WORKFLOW_ERROR": "WF:",
}
ITEM = {key: AD_HOC[key] for key in ("ISSUANCE_ANOMALY", "CSR_ERROR", "CA_ERROR", "WORKFLOW_ERROR")} | {
    "INELIGIBLE": "IN:"
}
BATCH = {"FORMAT_ERROR": "FM:", "WORKFLOW_ERROR": "WF:"}
FORM = re.compile(r"[A-Z]{2}:[A-Za-z0-9]+")
ONLY_AD_HOC = {"UNKNOWN_DEVICE"}


@pytest.mark.parametrize("rule", [*CODES, "NOBODY_KNOWS"])
def test_every_refusal_has_a_status_of_each_service_with_its_prefix(rule: str) -> None:
    error = ProtocolError(rule, "why")
    ad_hoc, item, batch = outcome_of(error, ad_hoc=True), outcome_of(error, ad_hoc=False), refusal_of_batch(error)

    for outcome in (ad_hoc, item, batch):
        assert outcome.code
        assert FORM.fullmatch(outcome.code)
        assert len(outcome.code) <= 10
    assert (ad_hoc.code or "").startswith(AD_HOC[ad_hoc.status])
    if item.status not in BATCH and item.status not in ONLY_AD_HOC:
        assert (item.code or "").startswith(ITEM[item.status])
    if batch.status in BATCH:
        assert (batch.code or "").startswith(BATCH[batch.status])


def test_codes_are_told_apart() -> None:
    by_code = {code: {rule for rule, (_, one) in CODES.items() if one == code} for _, code in CODES.values()}
    shared = {code for code, rules in by_code.items() if len(rules) > 1}

    assert shared == {"FM:AA1"}
    assert {CA_FAILED.code, WORKFLOW_FAILED.code}.isdisjoint(by_code)


def test_the_examples_of_the_specification_are_its_own() -> None:
    assert CODES["BAD_MESSAGE"] == ("FORMAT_ERROR", "FM:AA1")
    assert CODES["TOO_MANY_REQUESTS"] == ("FORMAT_ERROR", "FM:AA2")
    assert CODES["UNKNOWN_BATCH"] == ("FORMAT_ERROR", "FM:AA3")
