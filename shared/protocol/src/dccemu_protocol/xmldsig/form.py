"""The profile's Signature written out: exclusive canonical form, prefix ``ds``, no white space between elements.

This is what ``signing`` writes and what most signers send, so ``verification`` recognises it in one step: a Signature
whose exclusive canonical form matches ``SIGNATURE`` has the profile's shape to the octet. Any other spelling of the
same shape (another prefix, white space) is taken apart element by element.
"""

from __future__ import annotations

import re
from typing import Final

from ..duis.names import DS
from .profile import ECDSA_SHA256, ENVELOPED, EXCLUSIVE_C14N, SHA256

INFO_INNER: Final = (
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'
    f'<ds:SignatureMethod Algorithm="{ECDSA_SHA256}"></ds:SignatureMethod>'
    f'<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod><ds:DigestValue>'
).encode()
INFO_END: Final = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"
CANONICAL_INFO: Final = f'<ds:SignedInfo xmlns:ds="{DS}">'.encode() + INFO_INNER
SIGNATURE_START: Final = f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'.encode() + INFO_INNER
_VALUE: Final = rb"((?:[A-Za-z0-9+/=\n]|&#xD;)+)"
SIGNATURE: Final = re.compile(
    re.escape(SIGNATURE_START)
    + rb"([A-Za-z0-9+/=]+)"
    + re.escape(INFO_END)
    + rb"<ds:SignatureValue>"
    + _VALUE
    + rb"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial>"
    + rb"<ds:X509IssuerName>([^<&]+)</ds:X509IssuerName>"
    + rb"<ds:X509SerialNumber>([0-9]{1,50})</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>"
    + rb"</ds:Signature>\Z"
)
