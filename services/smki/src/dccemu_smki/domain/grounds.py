"""Grounds for revocation and the CRL reason each is published with (smki.md section 7)."""

from __future__ import annotations

from dccemu_protocol.errors import ProtocolError

from .errors import BAD_GROUNDS

GROUNDS: dict[str, str] = {
    "key-compromised": "keyCompromise",
    "ca-compromised": "cACompromise",
    "no-longer-eligible": "affiliationChanged",
    "information-wrong": "superseded",
    "rejected-by-subscriber": "superseded",
    "no-longer-needed": "cessationOfOperation",
    "policy-breach": "unspecified",
}
"""There is no suspension: ``certificateHold`` is not among the reasons."""


def crl_reason(grounds: str) -> str:
    """The reason code of some grounds.

    Raises
    ------
    ProtocolError
        ``BAD_GROUNDS``.
    """
    try:
        return GROUNDS[grounds]
    except KeyError:
        raise ProtocolError(
            BAD_GROUNDS, f"{grounds[:40]!r} is none of {', '.join(GROUNDS)}", source="smki.md section 7"
        ) from None
