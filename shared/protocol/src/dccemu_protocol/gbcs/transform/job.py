"""One transformation under way: what value sources may look at besides the DUIS body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from ...duis.document import Element
from ...identifiers import Eui64
from ..times import EPOCH, NEVER, NOW, date_time_octets
from . import rules
from .elements import find, steps
from .model import DeviceView, TransformContext
from .rules import TransformError
from .times import seconds

_EXECUTION = steps("ExecutionDateTime")


@dataclass
class Job:
    """The identities and times a Command is made with.

    ``reader`` is the party the Device encrypts for: the User, also where the broker is the originator.
    ``execution`` is the ExecutionDateTime of the request, ``None`` for at once.
    """

    body: Element
    context: TransformContext
    originator: Eui64
    counter: int
    reader: Eui64
    execution: datetime | None
    is_cancellation: bool

    @property
    def device(self) -> DeviceView:
        """The target Device."""
        return self.context.device

    @cached_property
    def activation(self) -> bytes:
        """COSEM date-time of activation: now, the execution time, or never (section 11)."""
        if self.execution is None:
            return NOW
        return NEVER if self.is_cancellation else date_time_octets(self.execution)

    def start_time(self, cancelled: int) -> int:
        """ZCL start time: 0 at once, seconds since 2000, or the value that cancels (section 7)."""
        if self.execution is None:
            return 0
        return cancelled if self.is_cancellation else seconds(self.execution, self.execution_element)

    @property
    def execution_element(self) -> Element:
        """Where the execution time stands in the body."""
        found = find(self.body, _EXECUTION)
        return self.body if found is None else found

    @cached_property
    def now_seconds(self) -> int:
        """The time at which the Command is built, seconds since 2000: issuer event and calendar ids."""
        value = int((self.context.now.astimezone(UTC) - EPOCH).total_seconds())
        if not 0 <= value < 0xFFFFFFFE:
            raise TransformError(rules.DATE_OUT_OF_RANGE, f"the clock shows {self.context.now.isoformat()}")
        return value
