"""What a transformation needs to know besides the request, and what it yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from ...identifiers import Eui64
from ..envelope import GbcsMessage

Usage: TypeAlias = Literal["ds", "ka"]
UserRole: TypeAlias = Literal["Supplier", "NetworkOperator", "LoadController", "Other"]
Signer: TypeAlias = Literal["user", "broker", "cos"]


@dataclass(frozen=True, slots=True)
class ChfLogBackup:
    """The log of a Communications Hub Function as its last whitelist alert (CS14) told it."""

    extended_pan_id: bytes
    devices: tuple[tuple[Eui64, bytes], ...]
    """Device and hashed trust centre link key (empty or 16 octets)."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """What the inventory says about the target Device.

    ``type`` is a DUIS DeviceType or ``SAPC``; ``gbcs_version`` is empty where it is not known and then counts as
    4.0; ``esme_variant`` starts with A (single element), B (twin element) or C (poly-phase).
    """

    eui: Eui64
    type: str
    gbcs_version: str = ""
    esme_variant: str | None = None
    chf_log_backup: ChfLogBackup | None = None
    gpf_log_backup: tuple[tuple[Eui64, int], ...] | None = None
    """Device and GBCS device type, from the last backup alert (GCS62) of the old Gas Proxy Function."""

    @property
    def is_twin_element(self) -> bool:
        """Whether the ESME variant is one of the twin element ones."""
        return (self.esme_variant or "").upper().startswith("B")

    @property
    def is_single_element(self) -> bool:
        """Whether the ESME variant is known and is not a twin element one."""
        return bool(self.esme_variant) and not self.is_twin_element

    @property
    def is_poly_phase(self) -> bool:
        """Whether the ESME variant is one of the poly-phase ones."""
        return is_poly_phase(self.esme_variant)


def is_poly_phase(esme_variant: str | None) -> bool:
    """Whether an ESME variant is one of the poly-phase ones."""
    return (esme_variant or "").upper().startswith("C")


def _no_certificate(eui: Eui64, usage: Usage) -> bytes | None:
    return None


def _no_type(eui: Eui64) -> str | None:
    return None


class TransformContext(NamedTuple):
    """The sender's side of a transformation.

    ``user_is_known``: the User's credentials are in a cell of the Device. ``next_role_counter`` gives the Originator
    Counter of a DCC role (called at most once, and only where a DCC role is the originator). ``certificate`` finds
    the DER certificate of a Device, ``device_type`` the type of another Device.
    """

    now: datetime
    device: DeviceView
    broker: Eui64
    user_is_known: bool
    next_role_counter: Callable[[Eui64], int]
    cin: str = ""
    certificate: Callable[[Eui64, Usage], bytes | None] = _no_certificate
    device_type: Callable[[Eui64], str | None] = _no_type
    user_role: UserRole = "Supplier"
    cos_party: Eui64 | None = None


class Transformed(NamedTuple):
    """A GBCS message without signature and MAC, and what is still to be done to it.

    ``critical`` tells that the User gets it as a Pre-Command. ``signer`` is who signs: the User, the broker (joins of
    Devices that hold no Supplier credentials, hand-over), the CoS Party, or nobody. ``mac`` tells whether the broker
    adds its MAC before the message goes to the Device.
    """

    use_case: str
    message_code: int
    message: GbcsMessage
    critical: bool
    signer: Signer | None
    mac: bool = True
