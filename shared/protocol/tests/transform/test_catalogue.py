"""The use cases as data: well formed, complete, in agreement with the tables of the standard."""

from __future__ import annotations

import pytest

from dccemu_protocol.catalogue import message_codes, response_code, service_requests
from dccemu_protocol.gbcs.transform import catalogue, rules
from dccemu_protocol.gbcs.transform.catalogue import command_of

USE_CASES = catalogue().use_cases.values()


@pytest.mark.parametrize("use_case", [one for one in USE_CASES if one.services], ids=lambda one: one.name)
def test_every_command_compiles(use_case: object) -> None:
    command_of(use_case)  # type: ignore[arg-type]


def test_every_device_service_leads_to_a_use_case_for_each_of_its_targets() -> None:
    missing = {
        (variant.srv, kind)
        for variant in service_requests.values()
        if not variant.non_device
        for kind in variant.target_device_types
        if not any(kind in service.devices for _, service in catalogue().candidates.get(variant.srv, ()))
    }
    assert not missing


def test_critical_use_cases_are_those_of_critical_services() -> None:
    wrong = {
        use_case.name
        for use_case in USE_CASES
        for service in use_case.services
        if use_case.is_critical != service_requests[service.srv].critical
    }
    assert not wrong


def test_message_codes_are_those_of_the_standard() -> None:
    known = {int(str(code), 16) if isinstance(code, str) else int(code) for code in message_codes}
    assert {use_case.message_code for use_case in USE_CASES} <= known


def test_every_refusal_has_a_response_code() -> None:
    names = {value for name, value in vars(rules).items() if name.isupper()}
    names |= set(catalogue().refusals.values()) | set(catalogue().version_refusals.values())
    names |= {use_case.when_empty for use_case in USE_CASES}
    assert all(response_code(name) for name in names)
