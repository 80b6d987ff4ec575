"""Measurements of the web services: plain numbers, made into samples when Prometheus asks.

A counter and a histogram of the client library cost each request more than its rules of access together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the classes of times, in seconds; what takes longer is in one class more."""


class Tally(Collector):
    """Requests answered, by service, status and code, and seconds from their heads to their answers, by service."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, int, str], int] = {}
        self._classes: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def note(self, service: str, status: int, code: str, seconds: float) -> None:
        """A request was answered."""
        key = service, status, code
        self._answered[key] = self._answered.get(key, 0) + 1
        classes = self._classes.get(service)
        if classes is None:
            classes = self._classes[service] = [0] * (len(_BOUNDS) + 1)
            self._seconds[service] = 0.0
        classes[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[service] += seconds

    def collect(self) -> Iterator[Metric]:
        """The samples of this moment."""
        requests = CounterMetricFamily(
            "dccemu_gateway_requests", "DUIS requests answered", labels=["service", "status", "code"]
        )
        for (service, status, code), count in list(self._answered.items()):
            requests.add_metric([service, str(status), code], count)
        yield requests
        times = HistogramMetricFamily(
            "dccemu_gateway_request_seconds", "Time from the head of a DUIS request to its answer", labels=["service"]
        )
        for service, classes in list(self._classes.items()):
            upper, count = [*map(str, _BOUNDS), "+Inf"], 0
            buckets: list[tuple[str, float]] = []
            for bound, held in zip(upper, classes, strict=True):
                count += held
                buckets.append((bound, count))
            times.add_metric([service], buckets, self._seconds[service])
        yield times


TALLY = Tally()
REGISTRY.register(TALLY)
