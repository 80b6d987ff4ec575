"""A User, a DCC, and a small DCC that speaks DUIS over real HTTP and checks what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.duis import AnsweredRequest, DuisRequest, parse_document, read_request, responses, validate
from dccemu_protocol.gbcs import datum, dlms, times
from dccemu_protocol.gbcs.crypto import verify_signature
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.pki import (
    Entry,
    Keystore,
    RemotePartyRole,
    SmkiCertificate,
    Usage,
    assemble,
    parse,
    profiles,
    signer,
)
from dccemu_protocol.pki.subjects import authority_name
from dccemu_protocol.xmldsig import XMLSigner, verify

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
METER = Eui64.parse("00-DB-12-34-56-78-90-A0")
DCC = Eui64.parse("90-B3-D5-1F-30-00-00-02")
START = datetime(2026, 1, 1, tzinfo=UTC)
PATHS = {"/api/v1/serviceT": "T", "/api/v1/serviceS": "S", "/api/v1/serviceD": "D"}


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@pytest.fixture(scope="session")
def store() -> Keystore:
    """XML and GBCS keys of a Supplier, and the XML key of the DCC."""
    issuing_key = key(1002)
    content = profiles.root_content(
        name=authority_name("EMU1", 7), key=issuing_key.public_key(), serial=1 << 120, start=START
    )
    issuing = parse(assemble(content, signer(issuing_key)(content)))

    def entry(eui: Eui64, role: int, number: int) -> Entry:
        body = profiles.organisation_content(
            issuer=issuing,
            eui=eui,
            role=role,
            usage=Usage.DIGITAL_SIGNATURE,
            key=key(number).public_key(),
            serial=number << 112,
            start=START,
            policy=profiles.ORGANISATION_POLICY,
        )
        certificate: SmkiCertificate = parse(assemble(body, signer(issuing_key)(body)))
        return Entry(f"{eui}-{role}", eui, Usage.DIGITAL_SIGNATURE, role, certificate, key(number))

    return Keystore(
        [
            entry(SUPPLIER, RemotePartyRole.XML_SIGNING, 21),
            entry(SUPPLIER, RemotePartyRole.SUPPLIER, 22),
            entry(DCC, RemotePartyRole.DSP_XML_SIGNING, 23),
        ]
    )


@pytest.fixture(scope="session")
def dcc_signer(store: Keystore) -> XMLSigner:
    found = store.xml_signer(DCC)
    assert found is not None
    return XMLSigner(found[0], found[1].issuer, found[1].serial)


def template(variant: int, service: str, body: str, counter: int = 1) -> bytes:
    """A Service Request to a meter."""
    reference = ".".join(service.split(".")[:2])
    return (
        '<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>'
        f"<sr:RequestID>{SUPPLIER}:{METER}:{counter}</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant>"
        f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
        f"<sr:ServiceReferenceVariant>{service}</sr:ServiceReferenceVariant></sr:Header>"
        f"<sr:Body>{body}</sr:Body></sr:Request>"
    ).encode()


@pytest.fixture(scope="session")
def read_registers() -> bytes:
    return template(1, "4.1.1", "<sr:ReadInstantaneousImportRegisters/>")


@pytest.fixture(scope="session")
def synchronise_clock() -> bytes:
    body = (
        "<sr:SynchroniseClock><sr:CurrentDateTime>2026-01-01T00:00:00Z</sr:CurrentDateTime>"
        "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
    )
    return template(4, "6.11", body)


@pytest.fixture(scope="session")
def top_up() -> bytes:
    return template(1, "2.2", "<sr:TopUpDevice><sr:UTRN>12345678901234567890</sr:UTRN></sr:TopUpDevice>", 3 << 32)


CLOCK = dlms.obis_octets("0-0:1.0.0.255")


def pre_command_of(request: DuisRequest, *, counter: int | None = None, tolerance: int = 60) -> GbcsMessage:
    """ECS70: set the clock within a window that begins with the year 2026."""
    sent = request.request_id.counter if counter is None else counter
    window = [times.NEVER, times.date_time_octets(START), times.date_time_octets(START + timedelta(seconds=tolerance))]
    content = (
        (dlms.Operation.SET, 9, datum.Enum(5)),
        (dlms.Operation.ACTION, 5, datum.structure(*(datum.OctetString(at) for at in window))),
        (dlms.Operation.ACTION, 4, datum.Integer(0)),
        (dlms.Operation.GET, 2, datum.NULL),
        (dlms.Operation.GET, 4, datum.NULL),
    )
    items = tuple(dlms.Specification(operation, 8, CLOCK, member) for operation, member, _ in content)
    access = dlms.AccessRequest(dlms.invoke_id(sent), items, tuple(value for _, _, value in content))
    other = OtherInformation(0x0062)
    return GbcsMessage(CRA.COMMAND, sent, request.user, request.device, other, dlms.encode(access))


@dataclass
class SmallDcc:
    """Answers CV 4 with a Pre-Command, CV 1 and 5 with I99 and then a pushed Response.

    A RequestID that it has taken is a duplicate. ``lose``: so many replies are lost after the request was taken.
    """

    store: Keystore
    signer: XMLSigner
    push_to: str | None = None
    wrong_counter: bool = False
    tolerance: int = 60
    status: int = 200
    lose: int = 0
    requests: list[tuple[str, DuisRequest]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, document: bytes) -> bytes:
        root = parse_document(document)
        validate(root)
        request = read_request(verify(root, self.store).root)
        is_repeat = any(one == request.request_id and cv == request.command_variant for one, cv in self.taken)
        self.requests.append((PATHS[path], request))
        answered = AnsweredRequest.of(request)
        if is_repeat:
            return responses.unsigned(responses.acknowledgement(answered, "E45", START))
        if request.command_variant == 4:
            counter = 7 if self.wrong_counter else None
            message = pre_command_of(request, counter=counter, tolerance=self.tolerance)
            return self.signer.sign_canonical(responses.pre_command(answered, encode(message), "4.3", START))
        if request.gbcs_payload is not None:
            supplier_key = self.store.private_key(SUPPLIER, Usage.DIGITAL_SIGNATURE, RemotePartyRole.SUPPLIER)
            assert supplier_key is not None
            verify_signature(decode(request.gbcs_payload), supplier_key.public_key())
        if request.command_variant == 6:
            return self.signer.sign_canonical(responses.local_command(answered, b"command", START))
        if self.push_to is not None:
            pushed = self.signer.sign_canonical(responses.device_response(answered, "I0", START, b"response"))
            threading.Thread(target=self.push, args=(pushed,)).start()
        return responses.unsigned(responses.acknowledgement(answered, "I99", START))

    @property
    def taken(self) -> list[tuple[RequestId, int]]:
        return [(request.request_id, request.command_variant) for _, request in self.requests]

    def push(self, document: bytes) -> None:
        assert self.push_to is not None
        httpx.post(self.push_to, content=document, headers={"Content-Type": "application/xml"}, trust_env=False)


@pytest.fixture
def small_dcc(store: Keystore, dcc_signer: XMLSigner) -> Iterator[SmallDcc]:
    small = SmallDcc(store, dcc_signer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content = small.answer(self.path, body) if small.status == 200 else b"refused"
            if small.lose:
                small.lose -= 1
                self.close_connection = True
                return
            self.send_response(small.status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    small.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield small
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def new_pre_command() -> Callable[..., GbcsMessage]:
    return pre_command_of
