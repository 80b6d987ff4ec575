"""The catalogue says what the standard's tables say, and every rule has one answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dccemu_protocol import catalogue
from dccemu_protocol.duis import SIGNED_PRE_COMMAND, parse_document, read_request
from dccemu_protocol.errors import EmulatorError


def test_there_are_129_service_request_variants() -> None:
    assert len(catalogue.service_requests) == 129
    assert len(catalogue.body_elements) == 129


@pytest.mark.parametrize(
    ("srv", "critical", "variants"),
    [
        ("4.1.1", False, {1, 2, 3}),
        ("6.11", True, {4, 5, 6, 7}),
        ("8.1.1", True, {4, 5}),
        ("8.2", False, {8}),
        ("8.5", False, {1}),
        ("7.12", True, {4, 5, 6, 7}),
        ("7.14", False, {1, 2, 3}),
    ],
)
def test_command_variants_follow_the_kind_of_request(srv: str, critical: bool, variants: set[int]) -> None:
    row = catalogue.service_requests[srv]

    assert row.critical is critical
    assert row.command_variants == variants


def test_service_references_stay_text() -> None:
    assert catalogue.service_requests["4.10"].service_reference == "4.10"
    assert catalogue.service_requests["6.20.1"].service_reference == "6.20"
    assert catalogue.service_requests["6.2.10"].service_reference == "6.2"


@pytest.mark.parametrize(
    ("variant", "service"), [(1, "S"), (2, "D"), (3, "S"), (4, "T"), (5, "S"), (6, "D"), (7, "S"), (8, "D")]
)
def test_each_command_variant_has_its_web_service(variant: int, service: str) -> None:
    assert catalogue.web_service(variant) == service


def test_command_variant_9_has_no_web_service() -> None:
    with pytest.raises(KeyError):
        catalogue.web_service(9)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("SCHEMA_INVALID", "E100"),
        ("UNKNOWN_USER", "E1"),
        ("NOT_ELIGIBLE", "E2"),
        ("USER_SUSPENDED", "E3"),
        ("NOT_REGISTERED", "E4"),
        ("STATUS_FORBIDS", "E5"),
        ("DEVICE_CANNOT", "E11"),
        ("CV_NOT_ALLOWED", "E12"),
        ("WRONG_SERVICE", "E13"),
        ("LOCAL_DELIVERY", "E17"),
        ("UNKNOWN_DEVICE", "E19"),
        ("NO_CONTACT", "E20"),
        ("NO_RESPONSE", "E21"),
        ("GBCS_WHATEVER", "E49"),
    ],
)
def test_a_rule_raises_its_code(rule: str, code: str) -> None:
    assert catalogue.response_code(rule) == code
    assert catalogue.http_status(rule) == 200
    assert catalogue.rule_text(rule).endswith(".")


def test_a_rule_without_anybody_to_answer_is_an_http_status() -> None:
    assert catalogue.http_status("NOT_XML") == 400
    assert catalogue.http_status("DOCUMENT_TOO_LARGE") == 413
    with pytest.raises(EmulatorError, match="NOT_XML"):
        catalogue.response_code("NOT_XML")


def test_a_rule_that_is_not_in_the_table_is_our_mistake() -> None:
    with pytest.raises(EmulatorError, match="NO_SUCH_RULE"):
        catalogue.rule("NO_SUCH_RULE")


def test_no_rule_raises_a_code_of_unknown_meaning() -> None:
    raised = {rule.code for rule in catalogue.rules.values() if rule.code is not None}

    assert all(catalogue.response_codes[code].emitted for code in raised)
    assert "E65" not in raised


def test_every_six_digit_code_has_a_rule_of_its_own() -> None:
    six_digits = {code for code in catalogue.response_codes if len(code) == 7}
    raised = [rule.code for rule in catalogue.rules.values() if rule.code in six_digits]

    assert sorted(map(str, raised)) == sorted(six_digits)


def test_alert_and_message_codes_are_complete() -> None:
    assert len(catalogue.dcc_alerts) == 66
    assert len(catalogue.alert_codes) == 189
    assert len(catalogue.message_codes) == 240
    assert catalogue.dcc_alerts["N16"].form == "MeterIdentity"
    assert catalogue.alert_codes["8F66"].critical


def test_the_catalogue_agrees_with_the_published_matrix(vectors: Path) -> None:
    matrix = json.loads((vectors / "service-request-matrix.json").read_text("utf-8"))
    rows = {row["Service Reference Variant"]: row for row in matrix}

    assert set(rows) == set(catalogue.service_requests)
    for srv, row in catalogue.service_requests.items():
        assert (rows[srv]["Critical"] == "Yes") == row.critical, srv
        assert (rows[srv]["Non-Device Request"] == "Yes") == row.non_device, srv
        assert set(rows[srv]["Eligible User Roles"]) == set(row.eligible_user_roles), srv


def test_all_published_templates_are_recognised(vectors: Path) -> None:
    templates = sorted((vectors / "duis").glob("*REQUEST_DUIS.XML"))

    for template in templates:
        request = read_request(parse_document(template.read_bytes()))
        row = catalogue.service_requests[request.service_reference_variant]
        assert row.service_reference == request.service_reference, template.name
        assert request.command_variant in row.command_variants, template.name
        assert request.body_name in (row.body_element, SIGNED_PRE_COMMAND), template.name

    assert len(templates) == 297
