"""What correlation says: the same, or the first difference by DUIS element and GBCS item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ...errors import ProtocolError
from ...identifiers import Eui64

NOT_CRITICAL = "CORRELATE_NOT_CRITICAL"
"""The request is not one that a Pre-Command answers."""
REQUEST_UNREADABLE = "CORRELATE_REQUEST_UNREADABLE"
"""An element of the request does not have the type the schema gives it."""


class CorrelationError(ProtocolError):
    """Request or Pre-Command cannot be compared at all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not the same.

    ``element`` is the path of the DUIS element (or Header item) that is not met, ``item`` the part of the GBCS
    message; either is empty when the other side has nothing that corresponds.
    """

    element: str
    item: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = " / ".join(part for part in (self.element, self.item) if part)
        return f"{where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Correlation:
    """Whether a Service Request and a Pre-Command mean the same."""

    same: bool
    difference: Difference | None = None

    def __bool__(self) -> bool:
        return self.same


@dataclass(frozen=True, slots=True)
class Known:
    """What a User may know besides request and Pre-Command; nothing of it is needed.

    Parameters
    ----------
    device_type
        Type of the Device; without it a use case for any type that performs the service is taken.
    is_twin_element
        Whether an ESME has two elements, which payment mode use cases show.
    type_of
        The type of another Device (joins), such as PPMID.
    certificate
        The key agreement certificate in use of another Device (joins), as octets.
    sent_between
        Between which instants the DCC made the Pre-Command; GBZ items carry that instant.
    """

    device_type: str | None = None
    is_twin_element: bool | None = None
    type_of: Callable[[Eui64], str | None] | None = None
    certificate: Callable[[Eui64], bytes | None] | None = None
    sent_between: tuple[datetime, datetime] | None = None


NOTHING_KNOWN = Known()


class Unlike(Exception):
    """A difference was found; ends the comparison."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


class Unshaped(Exception):
    """A value of the Pre-Command is not of the kind its place asks for."""

    def __init__(self, expected: str, found: object) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found
