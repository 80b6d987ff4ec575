"""What is wrong with a GBCS message, and at which octet."""

from __future__ import annotations

from ..errors import ProtocolError

TRUNCATED = "GBCS_TRUNCATED"
TRAILING = "GBCS_TRAILING_OCTETS"
BAD_LENGTH = "GBCS_BAD_LENGTH"
BAD_TAG = "GBCS_BAD_TAG"
BAD_VALUE = "GBCS_BAD_VALUE"
TOO_DEEP = "GBCS_TOO_DEEP"
UNKNOWN = "GBCS_UNKNOWN"
OUT_OF_RANGE = "GBCS_OUT_OF_RANGE"
SIGNATURE_ABSENT = "GBCS_SIGNATURE_ABSENT"
SIGNATURE_INVALID = "GBCS_SIGNATURE_INVALID"
MAC_ABSENT = "GBCS_MAC_ABSENT"
MAC_INVALID = "GBCS_MAC_INVALID"
DECRYPTION_FAILED = "GBCS_DECRYPTION_FAILED"
UTRN_INVALID = "GBCS_UTRN_INVALID"


class GbcsError(ProtocolError):
    """A GBCS message, or a value meant for one, breaks a rule.

    Parameters
    ----------
    code
        Stable symbolic name of the rule (one of this module's constants).
    detail
        One sentence that names the offending value.
    offset
        Octet, counted from the front of what was decoded, where the fault was seen; ``None`` for a value that never
        was octets.
    """

    def __init__(self, code: str, detail: str, offset: int | None = None, *, source: str = "") -> None:
        super().__init__(code, detail, place="" if offset is None else f"octet {offset}", source=source)
        self.offset = offset

    @property
    def code(self) -> str:
        """The rule's name."""
        return self.rule

    def moved(self, base: int) -> GbcsError:
        """The same fault, its offset counted from ``base`` octets further to the front."""
        offset = None if self.offset is None else self.offset + base
        return GbcsError(self.rule, self.detail, offset, source=self.source)
