"""One document on its way through the checks: what is known about it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.catalogue import ServiceRequestVariant
from dccemu_protocol.duis import DuisRequest, Element
from dccemu_protocol.gbcs.envelope import GbcsMessage, decode, signed_part
from dccemu_protocol.identifiers import RequestId
from dccemu_protocol.pki import SmkiCertificate

from .commands import Facts
from .directory import Directory, User
from .firmware import FirmwarePlan
from .policy import Policy


@dataclass(frozen=True, slots=True)
class PreCommand:
    """A Pre-Command the DCC made and keeps until its Signed Pre-Command comes or its life ends."""

    request_id: str
    device: str
    user: str
    srv: str
    use_case: str
    message_code: int
    payload: bytes
    made_at: datetime
    execution_at: datetime | None = None
    facts: Facts = field(default_factory=dict)

    @property
    def signed_part(self) -> bytes:
        """What the User's signature covers: all after the tag, up to the end of the payload (gbcs.md section 4.1)."""
        return signed_part(decode(self.payload))


@dataclass(slots=True)
class Examination:
    """What the rules read and establish, in the order of the table.

    Attributes from ``root`` on are set by the rule that establishes them; a rule may rely on every attribute that an
    earlier rule of the table sets. ``consent`` is None where none is needed, empty where none is recorded.
    """

    document: bytes
    service: str
    peer: str | None
    at: datetime
    directory: Directory
    policy: Policy
    validate: Callable[[Element], None]
    root: Element | None = None
    request_id: RequestId | None = None
    schema_version: str = "5.4"
    issuer: str = ""
    signer: SmkiCertificate | None = None
    request: DuisRequest | None = None
    request_text: str = ""
    user_text: str = ""
    device_text: str = ""
    user: User | None = None
    variant: ServiceRequestVariant | None = None
    roles: tuple[str, ...] = ()
    role: str = ""
    device: DeviceFact | None = None
    message: GbcsMessage | None = None
    pre_command: PreCommand | None = None
    is_repeat: bool = False
    firmware: FirmwarePlan | None = None
    consent: str | None = None

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        """Serve as the verifier's key source; remembers the certificate for the rules that judge it."""
        self.issuer = issuer
        self.signer = self.directory.signer(issuer, serial)
        return None if self.signer is None else self.signer.public_key

    def read(self, request: DuisRequest) -> None:
        """Take the request that was read, and its identifiers as text: they are asked for many times."""
        self.request = request
        self.request_id = request.request_id
        self.user_text, self.device_text = str(request.user), str(request.device)
        self.request_text = f"{self.user_text}:{self.device_text}:{request.request_id.counter}"

    @property
    def submitted(self) -> DuisRequest:
        """The request, once it is read."""
        return cast(DuisRequest, self.request)

    @property
    def sender(self) -> User:
        """The User, once it is known."""
        return cast(User, self.user)

    @property
    def target(self) -> DeviceFact:
        """The Device, once it is found."""
        return cast(DeviceFact, self.device)

    @property
    def service_request(self) -> ServiceRequestVariant:
        """The catalogue entry, once it is found."""
        return cast(ServiceRequestVariant, self.variant)

    @property
    def moment(self) -> datetime:
        """The instant that matters for entitlement: execution if future dated, else now (section 5)."""
        request = self.submitted
        if request.execution_date_time is None or request.is_cancellation:
            return self.at
        return max(self.at, request.execution_date_time)
