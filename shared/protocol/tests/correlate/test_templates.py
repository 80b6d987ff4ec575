"""Every critical Service Request and its Pre-Command mean the same."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol import catalogue
from dccemu_protocol.gbcs.correlate import BY_SERVICE, Known, correlate
from dccemu_protocol.gbcs.envelope import decode


def test_a_request_and_what_the_transformation_makes_of_it_are_the_same(published: Any, stem: str) -> None:
    request = published.request(stem)

    found = correlate(request, published.pre_command(stem, request))

    assert found.same, str(found.difference)


def test_knowing_more_changes_nothing_for_a_right_pre_command(published: Any, stem: str) -> None:
    request = published.request(stem)

    found = correlate(request, published.pre_command(stem, request), published.known(stem))

    assert found.same, str(found.difference)


def test_a_request_and_its_published_pre_command_are_the_same(published: Any, published_stem: str) -> None:
    pre_command = published.vector(published_stem)

    found = correlate(published.corrected(published_stem, decode(pre_command)), pre_command)

    assert found.same, str(found.difference)


def test_only_corrected_requests_differ_from_their_published_pre_commands(published: Any, published_stem: str) -> None:
    found = correlate(published.request(published_stem), published.vector(published_stem))

    if found.difference is None:
        assert published.corrections.get(published_stem, {"certificates": True}).get("certificates")
        return
    assert published_stem in published.corrections
    assert "Certificate" in found.difference.element


@pytest.mark.parametrize("ending", [b"", b"\x00"], ids=["without signature field", "with an empty one"])
def test_a_pre_command_may_end_with_an_empty_signature(published: Any, ending: bytes) -> None:
    request = published.request("ECS42_7.1_SUCCESS")

    assert correlate(request, published.pre_command("ECS42_7.1_SUCCESS", request) + ending).same


def test_every_critical_service_request_variant_can_be_correlated() -> None:
    """Those that become something other than a Pre-Command of a use case aside."""
    critical = {srv for srv, one in catalogue.service_requests.items() if one.critical and not one.non_device}

    assert set(BY_SERVICE) <= critical
    assert critical - set(BY_SERVICE) == set()


def test_a_message_code_means_one_use_case_of_a_service_request() -> None:
    for use_cases in BY_SERVICE.values():
        codes = [one.message_code for one in use_cases]
        assert len(codes) == len(set(codes))


def test_the_device_type_is_checked_where_it_is_known(published: Any) -> None:
    stem = "ECS43_7.2_SUCCESS"
    request = published.request(stem)
    pre_command = published.pre_command(stem, request)

    found = correlate(request, pre_command, Known(device_type="GSME"))

    assert correlate(request, pre_command, Known(device_type="ESME")).same
    assert found.difference is not None
    assert (found.difference.item, found.difference.found) == ("message code", "0050")
    assert "GCS32" in found.difference.expected
