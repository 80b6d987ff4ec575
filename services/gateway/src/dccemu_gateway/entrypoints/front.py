"""The DUIS web services: a small ASGI function in front of the ordinary application.

A route of the framework costs more than the cryptography of a request, so the three POST paths are answered here:
authenticate, read the body within bounds, call one use case, render (duis.md section 1). Everything else goes to
the application behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import perf_counter
from xml.sax.saxutils import escape

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from dccemu_protocol import catalogue
from dccemu_protocol.errors import EmulatorError
from dccemu_runtime.groupcommit import Overloaded, StoreUnavailable

from ..usecases.answers import Reply
from .tally import TALLY

log = structlog.get_logger(__name__)

PATHS = {"/api/v1/serviceT": "T", "/api/v1/serviceS": "S", "/api/v1/serviceD": "D"}
_XML = b"application/xml"
_PROBLEM = b"application/problem+xml"
_DISCARDED = 4 * 1024 * 1024
_DISCARD_SECONDS = 0.5
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


Submit = Callable[[bytes, str, str | None], Awaitable[Reply]]


class _Gone(Exception):
    """The client went away while it was sending."""


class Front:
    """The DUIS paths.

    Parameters
    ----------
    behind
        The application for every other path.
    submit
        The use case.
    party
        The Party of a client certificate in DER.
    max_body
        Octets of one body.
    max_in_flight
        Requests worked on at once.
    max_buffered
        Octets of all bodies that are in memory at once.
    """

    def __init__(
        self,
        behind: ASGIApp,
        submit: Submit,
        party: Callable[[bytes], str | None],
        *,
        max_body: int,
        max_in_flight: int,
        max_buffered: int = 256 * 1024 * 1024,
    ) -> None:
        self._behind = behind
        self._submit = submit
        self._party = party
        self._max_body = max_body
        self._max_in_flight = max_in_flight
        self._max_buffered = max_buffered
        self._in_flight = 0
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = PATHS.get(scope.get("path", "")) if scope["type"] == "http" else None
        if service is None:
            await self._behind(scope, receive, send)
            return
        if self._in_flight >= self._max_in_flight or self._buffered >= self._max_buffered:
            await _answer(send, _refuse("OVERLOADED", f"{self._in_flight} requests are being worked on"), closing=True)
            return
        began = perf_counter()
        self._in_flight += 1
        body: list[bytes] = []
        try:
            refusal, peer = self._admit(scope)
            if refusal is None:
                refusal = await self._read(receive, body)
            if refusal is not None:
                await _discard(receive)
            reply = refusal or await self._work(b"".join(body), service, peer)
        except _Gone:
            return
        finally:
            self._in_flight -= 1
            self._buffered -= sum(map(len, body))
        TALLY.note(service, reply.status, reply.code, perf_counter() - began)
        await _answer(send, reply, closing=refusal is not None)

    def _admit(self, scope: Scope) -> tuple[Reply | None, str | None]:
        """The head of the message: method, media type, length, and who opened the connection."""
        if scope["method"] != "POST":
            return _refuse("METHOD_NOT_POST", f"{scope['method']} is not POST"), None
        media = b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                media = value.partition(b";")[0].strip().lower()
            elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                return _refuse("CONTENT_ENCODED", f"content-encoding {value[:40].decode('latin-1')}"), None
            elif name == b"content-length" and value.isdigit() and int(value) > self._max_body:
                return _refuse("DOCUMENT_TOO_LARGE", f"{int(value)} octets are more than {self._max_body}"), None
        if media != _XML:
            return _refuse("MEDIA_TYPE_NOT_XML", f"content-type {media[:60].decode('latin-1')!r}"), None
        if scope.get("scheme") != "https":
            return None, None
        certificate = (scope.get("state") or {}).get("peer_certificate")
        peer = None if certificate is None else self._party(certificate)
        if peer is None:
            return _refuse("PEER_UNKNOWN", "the client certificate is missing, unknown or withdrawn"), None
        return None, peer

    async def _read(self, receive: Receive, body: list[bytes]) -> Reply | None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk = message.get("body", b"")
            if chunk:
                size += len(chunk)
                if size > self._max_body:
                    return _refuse("DOCUMENT_TOO_LARGE", f"more than {self._max_body} octets")
                if self._buffered + len(chunk) > self._max_buffered:
                    return _refuse("OVERLOADED", "too many octets are waiting to be read")
                body.append(chunk)
                self._buffered += len(chunk)
            if not message.get("more_body", False):
                return None

    async def _work(self, document: bytes, service: str, peer: str | None) -> Reply:
        try:
            return await self._submit(document, service, peer)
        except (Overloaded, StoreUnavailable) as error:
            return _refuse("OVERLOADED", str(error))
        except EmulatorError as error:
            log.exception("a request failed", service=service)
            return Reply(500, rule="INTERNAL", detail=str(error))
        except Exception:
            log.exception("a request failed", service=service)
            return Reply(500, rule="INTERNAL", detail="the emulator failed; its log says where")


async def _discard(receive: Receive) -> None:
    """Read on for a moment: closing on unread octets would cut the answer off, but a client may send no more."""
    left = _DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _refuse(rule: str, detail: str) -> Reply:
    return Reply(catalogue.http_status(rule), rule=rule, detail=detail)


async def _answer(send: Send, reply: Reply, *, closing: bool) -> None:
    if reply.status == 200:
        body, media = reply.document, _XML
    else:
        body, media = _problem(reply), _PROBLEM
    headers = [(b"content-type", media), (b"content-length", str(len(body)).encode())]
    if reply.status == 405:
        headers.append((b"allow", b"POST"))
    if reply.status == 503:
        headers.append((b"retry-after", b"1"))
    if closing:
        # The rest of a body that was not read would be taken for the next request.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(reply: Reply) -> bytes:
    """A problem document in XML (RFC 9457, appendix B): what was wrong, and the rule."""
    title = _TITLES.get(reply.status, "Error")
    return (
        '<?xml version="1.0" encoding="UTF-8"?><problem xmlns="urn:ietf:rfc:7807"><type>about:blank</type>'
        f"<title>{title}</title><status>{reply.status}</status>"
        f"<detail>{escape(_printable(reply.detail))}</detail><code>{escape(reply.rule)}</code></problem>"
    ).encode()


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:500])
