"""The value sources that read one value: numbers, choices, texts, identifiers, times, and what the job knows.

``values`` tells how the use-case data name them.
"""

from __future__ import annotations

from collections.abc import Callable

from ...duis.document import Element
from ..times import date_time_octets
from . import rules
from .elements import (
    ascii_octets,
    at,
    attribute,
    boolean,
    children,
    eui_octets,
    find,
    hexadecimal,
    place,
    scaled,
    steps,
    text,
)
from .job import Job
from .rules import TransformError
from .times import (
    CANCELLATION_YEAR,
    gas_date_octets,
    minutes,
    moment,
    plain_date_octets,
    seconds,
    time_octets,
    wild_date_octets,
)
from .values import (
    INTEGER_SOURCES,
    OCTET_SOURCES,
    Integers,
    Json,
    Octets,
    integer_argument,
    integer_source,
    list_argument,
    object_argument,
    text_argument,
)

_MIDNIGHT = bytes.fromhex("000000008000ff")


# -- integers --------------------------------------------------------------------------------------------------------


def _choice(argument: Json) -> Integers:
    path, choices = list_argument(argument)
    path = text_argument(path)
    numbers = {key: integer_argument(value) for key, value in object_argument(choices).items()}

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        value = numbers.get(text(found))
        if value is None:
            raise TransformError(
                rules.VALUE_OUT_OF_RANGE, f"{text(found)[:40]!r} is none of {', '.join(numbers)}", place(found)
            )
        return value

    return read


def _scaled(argument: Json) -> Integers:
    path, factor = list_argument(argument)
    path, factor = text_argument(path), integer_argument(factor)
    return lambda job, element, number: scaled(at(element, path), factor)


def _present(argument: Json) -> Integers:
    path, found, missing = list_argument(argument)
    names = steps(text_argument(path))
    yes, no = integer_argument(found), integer_argument(missing)
    return lambda job, element, number: no if find(element, names) is None else yes


def _attribute(argument: Json) -> Integers:
    path, name, low, high = list_argument(argument)
    path, name = text_argument(path), text_argument(name)
    low, high = integer_argument(low), integer_argument(high)
    return lambda job, element, number: attribute(at(element, path), name, low, high)


def _sum(argument: Json) -> Integers:
    terms = [integer_source(term) for term in list_argument(argument)]
    return lambda job, element, number: sum([term(job, element, number) for term in terms])


def _times(argument: Json) -> Integers:
    factor, inner = list_argument(argument)
    factor = integer_argument(factor)
    source = integer_source(inner)
    return lambda job, element, number: factor * source(job, element, number)


def _count(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: len(children(element, path))


def _seconds(argument: Json) -> Integers:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        return seconds(moment(found), found)

    return read


def _end_seconds(argument: Json) -> Integers:
    """Seconds since 2000; the year 3000 means no end, FFFFFFFE (GCS15e vector)."""
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        when = moment(found)
        return 0xFFFFFFFE if when.year >= CANCELLATION_YEAR else seconds(when, found)

    return read


def _minutes(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: minutes(at(element, path))


def _flag(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: int(boolean(at(element, path)))


def _start_time(argument: Json) -> Integers:
    cancelled = int(text_argument(argument), 16)
    return lambda job, element, number: job.start_time(cancelled)


INTEGER_SOURCES |= {
    "choice": _choice,
    "scaled": _scaled,
    "present": _present,
    "attribute": _attribute,
    "sum": _sum,
    "times": _times,
    "count": _count,
    "seconds": _seconds,
    "end seconds": _end_seconds,
    "minutes": _minutes,
    "flag": _flag,
    "start time": _start_time,
    "running number": lambda argument: lambda job, element, number: number,
    "now": lambda argument: lambda job, element, number: job.now_seconds,
}


# -- octets ----------------------------------------------------------------------------------------------------------


def _text(argument: Json) -> Octets:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        return ascii_octets(at(element, path))

    return read


def _at_path(read: Callable[[Element], bytes]) -> Callable[[Json], Octets]:
    def compile_path(argument: Json) -> Octets:
        path, names = text_argument(argument), steps(text_argument(argument))

        def octets(job: Job, element: Element, number: int) -> bytes:
            found = find(element, names)
            return read(at(element, path) if found is None else found)

        return octets

    return compile_path


def _number_octet(argument: Json) -> Octets:
    source = integer_source(argument, 0, 255)
    return lambda job, element, number: bytes((source(job, element, number),))


def _customer_identification_number(argument: Json) -> Octets:
    def read(job: Job, element: Element, number: int) -> bytes:
        return job.context.cin.encode("ascii")

    return read


OCTET_SOURCES |= {
    "text": _text,
    "hexadecimal": _at_path(hexadecimal),
    "eui": _at_path(eui_octets),
    "octet": _number_octet,
    "date-time": _at_path(lambda element: date_time_octets(moment(element))),
    "time": _at_path(time_octets),
    "date": _at_path(plain_date_octets),
    "wild date": _at_path(wild_date_octets),
    "wild date at midnight": _at_path(lambda element: wild_date_octets(element) + _MIDNIGHT),
    "gas date": _at_path(gas_date_octets),
    "activation": lambda argument: lambda job, element, number: job.activation,
    "customer identification number": _customer_identification_number,
    "protection counter": lambda argument: lambda job, element, number: b"\x04" + job.counter.to_bytes(8, "big"),
    "reader": lambda argument: lambda job, element, number: job.reader.octets,
    "device": lambda argument: lambda job, element, number: job.device.eui.octets,
}
