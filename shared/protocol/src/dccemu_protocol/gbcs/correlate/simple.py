"""Comparers of single values: one element, one datum or field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from .. import datum as d
from ..datum import Datum
from ..zcl import FieldValue
from . import datums
from .asked import Asked, decimal, instant, integer
from .commands import DlmsPart, put
from .comparer import Comparer
from .datums import Shape
from .meaning import Plain, Said
from .moments import execution, moment_of, seconds_of, start_of
from .result import REQUEST_UNREADABLE, CorrelationError, Unshaped

ACTIVATION: Comparer[Datum] = Comparer(datums.octets(moment_of), execution)
"""Activation time: that of the request, now or never."""
ZERO = d.Integer(0)


def valued(shape: Shape, path: str, convert: Callable[[str], object] = integer) -> Comparer[Datum]:
    """One datum for one element."""
    return Comparer(shape, lambda asked: asked.said(path, convert))


def moment(path: str) -> Comparer[Datum]:
    """A date-time for one xs:dateTime."""
    return Comparer(datums.octets(moment_of), lambda asked: asked.said(path, instant))


def word(asked: Asked, path: str, words: Mapping[str, Plain]) -> Said:
    """The value a word of the request stands for."""
    text = asked.value(str, path)
    place = asked.part(path).place
    if text not in words:
        raise CorrelationError(REQUEST_UNREADABLE, f"{text[:40]!r} is none of {', '.join(words)}", place=place)
    return Said(words[text], place)


def worded(shape: Shape, path: str, words: Mapping[str, Plain]) -> Comparer[Datum]:
    """One datum for one of several words."""
    return Comparer(shape, lambda asked: word(asked, path, words))


def activations(*places: tuple[int, str, int]) -> tuple[DlmsPart, ...]:
    """Activation times of class, OBIS code and attribute."""
    return tuple(put(class_id, obis, attribute, ACTIVATION) for class_id, obis, attribute in places)


# -- GBZ fields ------------------------------------------------------------------------------------------------------


def whole(value: FieldValue) -> Plain:
    """A field that is a number."""
    if not isinstance(value, int):
        raise Unshaped("a number", value)
    return value


def field(path: str, convert: Callable[[str], object] = integer) -> Comparer[FieldValue]:
    """A number for one element."""
    return Comparer(whole, lambda asked: asked.said(path, convert))


def field_worded(path: str, words: Mapping[str, Plain]) -> Comparer[FieldValue]:
    """A number for one of several words."""
    return Comparer(whole, lambda asked: word(asked, path, words))


def scaled(path: str, divisor: int) -> Comparer[FieldValue]:
    """A decimal in units of 1/divisor."""
    return Comparer(
        lambda value: Decimal(str(whole(value))) / divisor,
        lambda asked: Said(_decimal(asked, path), asked.part(path).place),
    )


def _decimal(asked: Asked, path: str) -> Decimal:
    return asked.value(decimal, path)


def seconds(path: str) -> Comparer[FieldValue]:
    """Seconds since 2000 for one xs:dateTime."""
    return Comparer(seconds_of, lambda asked: asked.said(path, instant))


def start(cancel: int) -> Comparer[FieldValue]:
    """Start or implementation time of the request."""
    return Comparer(start_of(cancel), execution)


def count(path: str) -> Comparer[FieldValue]:
    """How many elements there are."""
    return Comparer(whole, lambda asked: Said(len(asked.each(path)), asked.place))
