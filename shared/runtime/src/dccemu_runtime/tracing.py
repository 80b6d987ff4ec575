"""W3C trace context over the bus: spans cost nothing until an OpenTelemetry SDK is installed (extra ``otel``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import get_current
from opentelemetry.trace import Span, SpanKind

tracer = trace.get_tracer("dccemu")


def headers() -> dict[str, str]:
    """The ``traceparent`` of the current span, for a message or an HTTP request; empty when nothing is traced."""
    if not get_current():  # a context without any value: no span either
        return {}
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN or not span.get_span_context().is_valid:
        return {}
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def consuming(name: str, message_headers: Mapping[str, str]) -> Iterator[Span]:
    """A span for handling a message, child of the span whose ``traceparent`` it carries."""
    context = propagate.extract(dict(message_headers))
    with tracer.start_as_current_span(name, context=context, kind=SpanKind.CONSUMER) as span:
        yield span
