"""The XML signature profile of DUIS: one shape, both ways (duis.md section 7)."""

from .claim import SignerKeys
from .names import name_key, same_name
from .outline import OutlinedRequest, Outlines
from .signing import XMLSigner, canonical_unsigned, sign
from .verification import VerifiedDocument, find_signature, verify

__all__ = [
    "OutlinedRequest",
    "Outlines",
    "SignerKeys",
    "VerifiedDocument",
    "XMLSigner",
    "canonical_unsigned",
    "find_signature",
    "name_key",
    "same_name",
    "sign",
    "verify",
]
