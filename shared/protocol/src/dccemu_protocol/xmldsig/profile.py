"""The one signature profile of DUIS, as a table (duis.md section 7)."""

from __future__ import annotations

from typing import Final

from ..duis.names import DS

EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"


def ds(local: str) -> str:
    """Give the Clark name of an XML signature element."""
    return f"{{{DS}}}{local}"


# Element, its exact attributes, its exact children in order. Anything else is refused.
STRUCTURE: Final[dict[str, tuple[dict[str, str], tuple[str, ...]]]] = {
    ds("Signature"): ({}, (ds("SignedInfo"), ds("SignatureValue"), ds("KeyInfo"))),
    ds("SignedInfo"): ({}, (ds("CanonicalizationMethod"), ds("SignatureMethod"), ds("Reference"))),
    ds("CanonicalizationMethod"): ({"Algorithm": EXCLUSIVE_C14N}, ()),
    ds("SignatureMethod"): ({"Algorithm": ECDSA_SHA256}, ()),
    ds("Reference"): ({"URI": ""}, (ds("Transforms"), ds("DigestMethod"), ds("DigestValue"))),
    ds("Transforms"): ({}, (ds("Transform"),)),
    ds("Transform"): ({"Algorithm": ENVELOPED}, ()),
    ds("DigestMethod"): ({"Algorithm": SHA256}, ()),
    ds("DigestValue"): ({}, ()),
    ds("SignatureValue"): ({}, ()),
    ds("KeyInfo"): ({}, (ds("X509Data"),)),
    ds("X509Data"): ({}, (ds("X509IssuerSerial"),)),
    ds("X509IssuerSerial"): ({}, (ds("X509IssuerName"), ds("X509SerialNumber"))),
    ds("X509IssuerName"): ({}, ()),
    ds("X509SerialNumber"): ({}, ()),
}
TEXT_BEARING: Final = frozenset({ds("DigestValue"), ds("SignatureValue"), ds("X509IssuerName"), ds("X509SerialNumber")})
