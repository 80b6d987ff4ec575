"""The Service Requests that the verifiable User sends."""

from __future__ import annotations

from datetime import UTC, datetime

from dccemu_protocol.identifiers import RequestId

_SR = "http://www.dccinterface.co.uk/ServiceUserGateway"


def read_registers(request_id: RequestId) -> bytes:
    """4.1.1 for immediate execution."""
    return _request(request_id, "4.1", "4.1.1", 1, "<sr:ReadInstantaneousImportRegisters/>")


def read_prepay(request_id: RequestId) -> bytes:
    """4.3: another body under the same RequestID, for fault F10."""
    return _request(request_id, "4.3", "4.3", 1, "<sr:ReadInstantaneousPrepayValues/>")


def synchronise_clock(request_id: RequestId, tolerance: int = 60) -> bytes:
    """6.11, a critical request: to be transformed."""
    body = (
        f"<sr:SynchroniseClock><sr:CurrentDateTime>{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
        f"<sr:TolerancePeriod>{tolerance}</sr:TolerancePeriod></sr:SynchroniseClock>"
    )
    return _request(request_id, "6.11", "6.11", 4, body)


def _request(request_id: RequestId, reference: str, variant: str, command_variant: int, body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="{_SR}" schemaVersion="5.4"><sr:Header>'
        f"<sr:RequestID>{request_id}</sr:RequestID><sr:CommandVariant>{command_variant}</sr:CommandVariant>"
        f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
        f"<sr:ServiceReferenceVariant>{variant}</sr:ServiceReferenceVariant></sr:Header>"
        f"<sr:Body>{body}</sr:Body></sr:Request>"
    ).encode()
