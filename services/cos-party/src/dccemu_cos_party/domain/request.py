"""The content of a 6.23 request as the CoS Party reads it itself (cos-party.md section 2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from dccemu_protocol.duis import DuisRequest, Element, text_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import SmkiCertificate, Usage, parse

SUPPLIER_ROLE = 2
MAX_FLOOR = 2**63 - 1
_USAGES: Mapping[str, Usage] = {
    "DigitalSigningCertificate": Usage.DIGITAL_SIGNATURE,
    "KeyAgreementCertificate": Usage.KEY_AGREEMENT,
    "KeyAgreementTopUpCertificate": Usage.KEY_AGREEMENT,
}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class CosContent:
    """Values of the body. ``certificates`` by element name, in the order of the schema."""

    certificates: Mapping[str, SmkiCertificate]
    path: tuple[SmkiCertificate, ...]
    apply_time_checks: bool
    mpxn: str
    floor: int
    top_up_floor: int | None


def usage_of(name: str) -> Usage:
    """Give the key usage that belongs in a certificate's place."""
    return _USAGES[name]


def read_content(request: DuisRequest) -> CosContent:
    """Take the body apart.

    Raises
    ------
    ProtocolError
        ``COS_CERTIFICATE`` when a certificate does not parse, ``COS_FLOOR_SEQUENCE``, ``SCHEMA_INVALID``.
    """
    body = request.body
    group = _child(body, "SupplierReplacementCertificates")
    found = {name: _certificate(element) for name in _USAGES if (element := group.find(sr(name))) is not None}
    path = [_certificate(element) for element in _child(body, "CertificationPathCertificates")]
    top_up = body.find(sr("SupplierPrepaymentTopUpFloorSeqNumber"))
    return CosContent(
        found,
        tuple(path),
        _BOOLEANS[text_of(_child(body, "ApplyTimeBasedCPVChecks"))],
        text_of(_child(body, "ImportMPxN")),
        _floor(_child(body, "SupplierFloorSeqNumber")),
        None if top_up is None else _floor(top_up),
    )


def _child(element: Element, name: str) -> Element:
    found = element.find(sr(name))
    if found is None:
        raise ProtocolError("SCHEMA_INVALID", f"{name} is missing", place=name)
    return found


def _floor(element: Element) -> int:
    text = text_of(element)
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_FLOOR:
        raise ProtocolError("COS_FLOOR_SEQUENCE", f"{text[:30]!r} is not 0 to 2^63 - 1", source="cos-party.md 3")
    return int(text)


def _certificate(element: Element) -> SmkiCertificate:
    try:
        return parse(base64.b64decode("".join((element.text or "").split()), validate=True))
    except (binascii.Error, ValueError, ProtocolError) as error:
        name = str(element.tag).rpartition("}")[2]
        raise ProtocolError("COS_CERTIFICATE", f"{name} is not a certificate: {error}", place=name) from None
