"""Correlate a Service Request with a Pre-Command before it is signed.

``correlate`` decodes the Pre-Command and compares its meaning with the request: header, number and order of items,
every value. It shares no code and no tables with ``dccemu_protocol.gbcs.transform``, so that it can find a DCC that is
wrong.
"""

from .correlation import correlate
from .result import (
    NOT_CRITICAL,
    NOTHING_KNOWN,
    REQUEST_UNREADABLE,
    Correlation,
    CorrelationError,
    Difference,
    Known,
)
from .use_cases import BY_SERVICE, DOES_NOT_TRAVEL, UseCase

__all__ = [
    "BY_SERVICE",
    "DOES_NOT_TRAVEL",
    "NOTHING_KNOWN",
    "NOT_CRITICAL",
    "REQUEST_UNREADABLE",
    "Correlation",
    "CorrelationError",
    "Difference",
    "Known",
    "UseCase",
    "correlate",
]
