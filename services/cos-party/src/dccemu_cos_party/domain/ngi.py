"""Requests of the Non-Gateway Interface (SEC Section O; cos-party.md section 6).

A Supplier that is not a User signs a small document with its own digital signing key (role 02) over its canonical form:
JSON, names sorted, no white space, UTF-8. From it the DCC makes one Update Security Credentials request for each
Device. The document is what the CoS Party judges; the 6.23 is derived from it here, so nobody in between can change it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dccemu_protocol.duis import DuisRequest, parse_document, read_request, validate
from dccemu_protocol.duis.names import SR
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import RequestId
from dccemu_protocol.pki import SmkiCertificate, parse_serial

_SOURCE = "cos-party.md 6"
_CERTIFICATES = ("DigitalSigningCertificate", "KeyAgreementCertificate", "KeyAgreementTopUpCertificate")
_REQUIRED = ("user", "mpxn", "certificates", "path")
_TOP_UP_TYPES = frozenset({"ESME", "GSME", "GPF"})


@dataclass(frozen=True, slots=True)
class NgiDocument:
    """A signed document: the request as given, and who signed it."""

    request: Mapping[str, object]
    signature: bytes
    issuer: str
    serial: int

    def text(self, name: str) -> str:
        """Give a text of the request.

        Raises
        ------
        ProtocolError
            ``NGI_INVALID``.
        """
        value = self.request.get(name)
        if not isinstance(value, str) or not value:
            raise _bad(f"{name} is missing or not a text", name)
        return value

    @property
    def devices(self) -> tuple[str, ...]:
        """The Devices named; none named means all of that fuel on the hub."""
        value = self.request.get("devices") or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _bad("devices is not a list of Device IDs", "devices")
        return tuple(str(one).upper() for one in value)


def _bad(detail: str, place: str = "") -> ProtocolError:
    return ProtocolError("NGI_INVALID", detail, place=place, source=_SOURCE)


def canonical(request: Mapping[str, object]) -> bytes:
    """Write the octets that are signed."""
    return json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_document(text: str | bytes) -> NgiDocument:
    """Read ``{"request": {...}, "signature": base64, "issuer": text, "serial": hexadecimal}``.

    Raises
    ------
    ProtocolError
        ``NGI_INVALID``.
    """
    try:
        value = json.loads(text)
        request = value["request"]
        signature = base64.b64decode(value["signature"], validate=True)
        issuer, serial = str(value["issuer"]), parse_serial(str(value["serial"]))
    except (ValueError, KeyError, TypeError, binascii.Error, ProtocolError) as error:
        raise _bad(f"not a signed document: {error!r}") from None
    if not isinstance(request, dict) or any(name not in request for name in _REQUIRED):
        raise _bad(f"the request needs {', '.join(_REQUIRED)}", "request")
    return NgiDocument(request, signature, issuer, serial)


def verify_document(document: NgiDocument, signer: SmkiCertificate) -> None:
    """Check the signature, r and s of 32 octets each, over the canonical form.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_VALUE``.
    """
    octets = document.signature
    if len(octets) == 64:
        value = encode_dss_signature(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))
        try:
            signer.public_key.verify(value, canonical(document.request), ec.ECDSA(SHA256()))
            return
        except InvalidSignature:
            pass
    raise ProtocolError("SIGNATURE_VALUE", "the signature is not the Supplier's over this request", source=_SOURCE)


def derive_request(document: NgiDocument, request_id: RequestId, device_type: str) -> DuisRequest:
    """Make the 6.23 of one Device; a top-up certificate goes to meters and the Gas Proxy Function only.

    Raises
    ------
    ProtocolError
        ``NGI_INVALID`` or ``SCHEMA_INVALID``.
    """
    root = parse_document(derive_text(document, request_id, device_type))
    validate(root)
    return read_request(root)


def derive_text(document: NgiDocument, request_id: RequestId, device_type: str) -> bytes:
    """Write that 6.23 as an unsigned DUIS document."""
    given = document.request["certificates"]
    if not isinstance(given, dict):
        raise _bad("certificates is not a map of element name to base64", "certificates")
    with_top_up = device_type in _TOP_UP_TYPES
    names = [name for name in _CERTIFICATES if name in given and (with_top_up or "TopUp" not in name)]
    certificates = "".join(f"<{name}>{escape(str(given[name]))}</{name}>" for name in names)
    path = document.request["path"]
    paths = [path] if isinstance(path, str) else path
    if not isinstance(paths, list):
        raise _bad("path is not a certificate or a list of them", "path")
    floor = document.request.get("floor", 0)
    top_up = document.request.get("top_up_floor")
    execution = document.request.get("execution")
    parts = (
        f"<ExecutionDateTime>{escape(str(execution))}</ExecutionDateTime>" if execution else "",
        f"<SupplierFloorSeqNumber>{escape(str(floor))}</SupplierFloorSeqNumber>",
        f"<SupplierPrepaymentTopUpFloorSeqNumber>{escape(str(top_up))}</SupplierPrepaymentTopUpFloorSeqNumber>"
        if top_up is not None and with_top_up
        else "",
        f"<SupplierReplacementCertificates>{certificates}</SupplierReplacementCertificates>",
        "<CertificationPathCertificates>",
        *(f"<Certificate>{escape(str(one))}</Certificate>" for one in paths),
        "</CertificationPathCertificates><ApplyTimeBasedCPVChecks>true</ApplyTimeBasedCPVChecks>",
        f"<ImportMPxN>{escape(document.text('mpxn'))}</ImportMPxN>",
    )
    header = (
        f"<RequestID>{request_id}</RequestID><CommandVariant>1</CommandVariant>"
        "<ServiceReference>6.23</ServiceReference><ServiceReferenceVariant>6.23</ServiceReferenceVariant>"
    )
    body = f"<UpdateSecurityCredentialsCoS>{''.join(parts)}</UpdateSecurityCredentialsCoS>"
    text = f'<Request xmlns="{SR}" schemaVersion="5.4"><Header>{header}</Header><Body>{body}</Body></Request>'
    return text.encode()
