"""The SMKI's ad hoc Device CSR web service, as a subscriber's system calls it (SEC Appendix M; smki.md section 5.4)."""

from __future__ import annotations

import base64

import httpx

from dccemu_protocol.duis import parse_document
from dccemu_sdk.errors import GatewayError, SdkError

_PATH = "/services/1.0/DeviceCSR"


def certify(smki: str, party: str, request: bytes) -> bytes:
    """Ask for the certificate (DER) of a Device's signing request (DER), as a Party by its API key.

    Raises
    ------
    SdkError
        When the SMKI refuses; with its status and error code.
    """
    text = base64.b64encode(request).decode()
    body = (
        '<DeviceCertificateSigningRequest ID="story"><Version>1.0</Version>'
        f"<CertificateSigningRequest>{text}</CertificateSigningRequest></DeviceCertificateSigningRequest>"
    )
    with httpx.Client(base_url=smki, timeout=10.0, trust_env=False) as client:
        reply = client.post(
            _PATH, params={"apikey": party}, content=body.encode(), headers={"Content-Type": "application/xml"}
        )
    if reply.status_code != httpx.codes.OK:
        raise GatewayError(reply.status_code, reply.text[:300])
    root = parse_document(reply.content)
    status, certificate = root.findtext("Status"), root.findtext("Certificate")
    if status != "SUCCESS" or not certificate:
        code, detail = root.findtext("Error/ErrorCode"), root.findtext("Error/ErrorDescription")
        raise SdkError(f"the SMKI answered {status}: {code} {detail or ''}".rstrip())
    return base64.b64decode(certificate)
