"""Which Devices of a firmware request take the image, and why the others do not (duis.md, DSPUpdateFirmwareWarning)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dccemu_protocol.duis.content import Content


class Cause(StrEnum):
    """Why a Device is left out: the list of the Response that names it, in the order of the schema."""

    INVALID = "InvalidDeviceIDList"
    NOT_COMMISSIONED = "NotCommissionedDeviceIDList"
    NOT_APPLICABLE = "NotApplicableFirmwareDeviceIDList"
    IN_PROGRESS = "OtherRequestInProgressList"
    GBCS_VERSION = "InvalidGBCSVersionList"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A Device that does not take the image: the cause, what the rule wants and what was found."""

    device: str
    cause: Cause
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class FirmwarePlan:
    """What a firmware request comes to: the image, its version, who takes it and who does not."""

    image: bytes
    digest: str
    version: str
    devices: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def warning(self) -> dict[str, Content]:
        """The body of W110101 or W110401: Device IDs by cause."""
        lists: dict[str, Content] = {}
        for cause in Cause:
            named = [one.device for one in self.left_out if one.cause is cause]
            if named:
                lists[cause.value] = ",".join(named)
        return lists


@dataclass(frozen=True, slots=True)
class Distribution:
    """An image on its way to a Device by order of a User."""

    device: str
    request_id: str
    user: str
    version: str
    is_open: bool = True


def by_cause(left_out: Sequence[LeftOut], most: int = 20) -> str:
    """The Devices left out in words, for evidence; of a long list the first."""
    said = [f"{one.device} {one.cause.value}: expected {one.expected}, got {one.got}" for one in left_out[:most]]
    return "; ".join(said) + (f"; and {len(left_out) - most} more" if len(left_out) > most else "")


OpenDistributions = Mapping[str, Distribution]
