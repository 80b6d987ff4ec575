"""What the User of the load sends: requests signed beforehand, and the Signed Pre-Command of an answer."""

from __future__ import annotations

import re
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import NamedTuple

from dccemu_protocol.duis import DuisRequest, parse_document, read_request
from dccemu_sdk.documents import address, signed_pre_command
from dccemu_sdk.identity import Identity

NAMESPACE = "http://www.dccinterface.co.uk/ServiceUserGateway"
READ = "<sr:ReadInstantaneousImportRegisters/>"
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>{now}</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
)
#: A Pre-Command as the gateway words it: whose it is, and what is to be signed.
_OFFERED = re.compile(
    rb"<sr:RequestID>([^<]+)</sr:RequestID><sr:ResponseCode>I0</sr:ResponseCode>"
    rb".*<sr:PreCommand>.*<sr:GBCSPayload>([^<]+)</sr:GBCSPayload>",
    re.DOTALL,
)


@dataclass
class Plan:
    """What to send and how."""

    url: str
    tls: str
    party: str
    keystore: str
    user: str
    devices: list[str]
    flow: str
    count: int
    in_flight: int
    connections: int
    rate: float | None = None
    first_counter: int = 0
    receive_port: int = 0


class Prepared(NamedTuple):
    """A signed request, and what it asks."""

    request_id: str
    document: bytes
    request: DuisRequest


def _document(srv: str, reference: str, variant: int, body: str, user: str, device: str) -> bytes:
    return (
        f'<sr:Request xmlns:sr="{NAMESPACE}" schemaVersion="5.4"><sr:Header>'
        f"<sr:RequestID>{user}:{device}:1</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant>"
        f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
        f"<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header>"
        f"<sr:Body>{body}</sr:Body></sr:Request>"
    ).encode()


def prepared(plan: Plan, identity: Identity) -> list[Prepared]:
    """Signed requests, counters rising for each Device."""
    critical = plan.flow == "critical"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    requests: list[Prepared] = []
    for number in range(plan.count):
        device = plan.devices[number % len(plan.devices)]
        template = (
            _document("6.11", "6.11", 4, CLOCK.format(now=now), plan.user, device)
            if critical
            else _document("4.1.1", "4.1", 1, READ, plan.user, device)
        )
        counter = plan.first_counter + number
        document = address(template, originator=identity.eui, counter=counter)
        request = read_request(parse_document(document))
        requests.append(Prepared(str(request.request_id), identity.sign_document(document), request))
    return requests


def signed_answer(identity: Identity, prepared: Prepared, answer: bytes) -> bytes:
    """The request with the Signed Pre-Command: the one that came for this request, signed as GBCS and as XML.

    Raises
    ------
    RuntimeError
        When the answer holds no Pre-Command of this request.
    """
    offered = _OFFERED.search(answer)
    if offered is None or offered[1].decode() != prepared.request_id:
        raise RuntimeError(answer[:600].decode(errors="replace"))
    payload = identity.sign_pre_command(b64decode(offered[2]))
    return identity.sign_canonical(signed_pre_command(prepared.request, payload))
