"""A User's Receive Response Service: takes what the DCC pushes, answers 204 if it is good and 400 if not.

Deliveries may repeat (duis.md section 1, item 7); all of them are kept, ``responses`` shows each document once.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

from dccemu_protocol.duis import DuisResponse, parse_document, read_response
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import RequestId
from dccemu_protocol.xmldsig import SignerKeys, verify

from .errors import NoAnswer

_MAX_BODY = 4 * 1024 * 1024
PATH = "/smartdcc/duis"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST of the DCC: its octets, what it was answered with, and the Response in it if it was good."""

    body: bytes
    status: int
    response: DuisResponse | None
    refusal: str | None


class Receiver:
    """A small HTTP server in a thread of its own.

    Parameters
    ----------
    signers
        Whom to believe; a delivery must be signed by one of them. None takes any delivery.
    host, port
        Where to listen; port 0 finds a free one.
    tls
        Server context, for gateways that push over TLS.
    """

    def __init__(
        self,
        signers: SignerKeys | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.signers = signers
        self._arrived = threading.Condition()
        self._deliveries: list[Delivery] = []
        self._forced: list[int] = []
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{host}:{self._server.server_address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> Receiver:
        """Begin to listen."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def refuse_next(self, count: int, status: int = 500) -> None:
        """Answer the next deliveries with this status instead, whatever they are."""
        with self._arrived:
            self._forced += [status] * count

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was pushed, repeats and bad ones too, in order of arrival."""
        with self._arrived:
            return list(self._deliveries)

    @property
    def responses(self) -> list[DuisResponse]:
        """Each good document once, in order of arrival."""
        return [response for response, _ in _good(self.deliveries)]

    def accept(self, body: bytes) -> int:
        """Take one delivery and say with which status to answer it."""
        with self._arrived:
            forced = self._forced.pop(0) if self._forced else None
        response, refusal = None, None
        if forced is None:
            try:
                root = parse_document(body)
                response = read_response(verify(root, self.signers).root if self.signers is not None else root)
            except ProtocolError as error:
                refusal = str(error)
        status = forced if forced is not None else 400 if response is None else 204
        with self._arrived:
            self._deliveries.append(Delivery(body, status, response, refusal))
            self._arrived.notify_all()
        return status

    def wait_for(
        self, wanted: Callable[[DuisResponse], bool], *, count: int = 1, timeout: float = 30.0
    ) -> list[DuisResponse]:
        """Wait until as many different documents fit.

        Raises
        ------
        NoAnswer
            When they have not come in time.
        """
        deadline = monotonic() + timeout
        with self._arrived:
            while True:
                found = [response for response, _ in _good(self._deliveries) if wanted(response)]
                if len(found) >= count:
                    return found
                left = deadline - monotonic()
                if left <= 0:
                    refused = [delivery.refusal for delivery in self._deliveries if delivery.refusal]
                    raise NoAnswer(
                        f"{len(found)} of {count} came within {timeout:g} s; {len(self._deliveries)} deliveries, "
                        f"refused: {refused[-1] if refused else 'none'}"
                    )
                self._arrived.wait(left)

    def wait(self, request_id: RequestId, *, count: int = 1, timeout: float = 30.0) -> list[DuisResponse]:
        """Wait for the Responses to one request: clients match by RequestID only (duis.md section 5)."""
        return self.wait_for(lambda response: response.request_id == request_id, count=count, timeout=timeout)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdigit() or int(length) > _MAX_BODY:
                    self._answer(413 if length.isdigit() else 411)
                    self.close_connection = True
                    return
                self._answer(receiver.accept(self.rfile.read(int(length))))

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent: ``deliveries`` tells the story."""

        return Handler


def _good(deliveries: list[Delivery]) -> Iterator[tuple[DuisResponse, Delivery]]:
    seen: set[bytes] = set()
    for delivery in deliveries:
        if delivery.response is not None and delivery.body not in seen:
            seen.add(delivery.body)
            yield delivery.response, delivery
