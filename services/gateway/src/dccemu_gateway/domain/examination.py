"""One document on its way through the checks: what is known about it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.catalogue import ServiceRequestVariant
from dccemu_protocol.duis import DuisRequest, Element
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.identifiers import RequestId
from dccemu_protocol.pki import SmkiCertificate
from dccemu_protocol.xmldsig import OutlinedRequest, Outlines

from .commands import Facts
from .directory import Directory, User
from .firmware import FirmwarePlan
from .lifecycle import Kind, kind_of
from .policy import Policy


class PreCommand(NamedTuple):
    """A Pre-Command the DCC made and keeps until its Signed Pre-Command comes or its life ends.

    ``payload`` is the message without signature field and MAC: the tag and what is to be signed.
    """

    request_id: str
    device: str
    user: str
    srv: str
    use_case: str
    message_code: int
    payload: bytes
    made_at: datetime
    execution_at: datetime | None
    facts: Facts

    @property
    def signed_part(self) -> bytes:
        """What the User's signature covers: all after the tag, up to the end of the payload (gbcs.md section 4.1)."""
        return self.payload[1:]


@dataclass(slots=True)
class Examination:
    """What the rules read and establish, in the order of the table.

    A document of one of the ``outlines`` needs no tree: it has ``outlined`` instead of ``root``.
    Attributes from ``root`` on are set by the rule that establishes them; a rule may rely on every attribute that an
    earlier rule of the table sets: ``submitted`` is there once the request is read, ``sender`` and ``target`` once
    User and Device are known. ``consent`` is None where none is needed, empty where none is recorded.
    """

    document: bytes
    service: str
    peer: str | None
    at: datetime
    directory: Directory
    policy: Policy
    validate: Callable[[Element], None]
    outlines: Outlines | None = None
    root: Element | None = None
    outlined: OutlinedRequest | None = None
    request_id: RequestId | None = None
    schema_version: str = "5.4"
    issuer: str = ""
    signer: SmkiCertificate | None = None
    submitted: DuisRequest = field(init=False)
    kind: Kind = field(init=False)
    request_text: str = ""
    user_text: str = ""
    device_text: str = ""
    sender: User = field(init=False)
    variant: ServiceRequestVariant | None = None
    roles: tuple[str, ...] = ()
    role: str = ""
    target: DeviceFact = field(init=False)
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
        self.submitted, self.kind = request, kind_of(request.command_variant)
        self.request_id = request.request_id
        self.request_text = text = str(request.request_id)
        self.user_text, self.device_text, _ = text.split(":")

    @property
    def tree(self) -> Element | None:
        """The root of the document's tree, None where it has none."""
        return self.root if self.outlined is None else self.outlined.root

    @property
    def is_read(self) -> bool:
        """Whether the request was read."""
        return self.request_text != ""

    @property
    def service_request(self) -> ServiceRequestVariant:
        """The catalogue entry, once it is found."""
        return self.variant  # type: ignore[return-value]

    @property
    def moment(self) -> datetime:
        """The instant that matters for entitlement: execution if future dated, else now (section 5)."""
        request = self.submitted
        if request.execution_date_time is None or request.is_cancellation:
            return self.at
        return max(self.at, request.execution_date_time)
