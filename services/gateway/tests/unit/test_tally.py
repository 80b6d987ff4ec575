"""What Prometheus is told of the web services."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from dccemu_gateway.entrypoints.tally import Tally


def told(tally: Tally) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(tally)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_requests_are_counted_by_service_status_and_code() -> None:
    tally = Tally()
    for code in ("I99", "E11", "I99"):
        tally.note("S", 200, code, 0.1)
    tally.note("T", 503, "", 0.1)

    samples = told(tally)
    assert samples['dccemu_gateway_requests_total{code="I99",service="S",status="200"}'] == 2
    assert samples['dccemu_gateway_requests_total{code="E11",service="S",status="200"}'] == 1
    assert samples['dccemu_gateway_requests_total{code="",service="T",status="503"}'] == 1


def test_times_are_in_the_class_of_the_first_bound_they_do_not_exceed() -> None:
    tally = Tally()
    for seconds in (0.001, 0.005, 0.0051, 2.5, 60.0):
        tally.note("S", 200, "I99", seconds)

    samples = told(tally)
    name = "dccemu_gateway_request_seconds"
    assert [samples[f'{name}_bucket{{le="{bound}",service="S"}}'] for bound in ("0.005", "0.01", "2.5", "+Inf")] == [
        2,
        3,
        4,
        5,
    ]
    assert samples[f'{name}_count{{service="S"}}'] == 5
    assert samples[f'{name}_sum{{service="S"}}'] == 62.5111
