"""Consent of Energy Consumers: what an Other User recorded, and whether it covers a request.

service-request-processing.md section 14 and the guide to Section I: without a licence a User needs the unambiguous
consent of the Energy Consumer to obtain consumption data (Appropriate Permission) and to join or unjoin Type 2 Devices;
that the person who consents is the Energy Consumer must be verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from .entitlement import Records, points_of
from .envelope import Contract
from .inventory import DeviceFact, Part
from .topics import INVENTORY_CONSENTS, Topic

ServiceClass = Literal["consumption", "joining"]

SERVICE_CLASSES: Mapping[str, ServiceClass] = {
    "4.8.1": "consumption",
    "4.8.2": "consumption",
    "4.8.3": "consumption",
    "4.17": "consumption",
    "8.7.2": "joining",
    "8.8.2": "joining",
}
"""Services for which an Other User needs consent: profile data and the daily consumption log; Type 2 Devices."""


class Verification(Part):
    """How the User made sure that the person who consents is the Energy Consumer: means, by whom and when."""

    method: str
    verified_by: str
    verified_at: AwareDatetime


class ConsentFact(Contract):
    """One consent: ``user`` may use ``classes`` of services at a meter point or Device for a time.

    ``mpxn`` or ``device`` says where, ``purpose`` what the data are for, ``written_notice_at`` when the Energy Consumer
    was told in writing of periods, purpose and the right to object. ``withdrawn_at``: the Energy Consumer withdrew it.
    """

    topic: ClassVar[Topic] = INVENTORY_CONSENTS

    version: int
    consent: str
    user: str
    mpxn: str | None = None
    device: str | None = None
    classes: tuple[ServiceClass, ...]
    valid_from: datetime
    valid_to: datetime | None = None
    withdrawn_at: datetime | None = None
    verification: Verification
    purpose: str
    written_notice_at: datetime
    recorded_at: datetime
    removed: bool = False

    @property
    def key(self) -> str:
        return self.consent

    def is_given(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        ended = any(end is not None and end <= at for end in (self.valid_to, self.withdrawn_at))
        return self.valid_from <= at and not ended


class ConsentIndex:
    """The consents of all Users, in memory."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, ConsentFact]] = {}

    def put(self, fact: ConsentFact) -> None:
        """Take a consent or its tombstone."""
        held = self._by_user.setdefault(fact.user, {})
        if fact.removed:
            held.pop(fact.consent, None)
        else:
            held[fact.consent] = fact

    def of(self, user: str) -> Iterable[ConsentFact]:
        """The consents that a User recorded."""
        return self._by_user.get(user, {}).values()

    def find(self, user: str, srv: str, device: DeviceFact, records: Records, at: datetime) -> ConsentFact | None:
        """Find a consent that covers a User's request to a Device at an instant."""
        wanted = SERVICE_CLASSES.get(srv)
        points: tuple[str, ...] | None = None
        for consent in self.of(user):
            if wanted not in consent.classes or not consent.is_given(at):
                continue
            if consent.device == device.device:
                return consent
            if consent.mpxn is not None:
                points = points_of(device, "any", records) if points is None else points
                if consent.mpxn in points:
                    return consent
        return None
