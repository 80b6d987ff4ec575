"""Names, object identifiers, usages and serial numbers of SMKI certificates (smki.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, StrEnum

from ..errors import ProtocolError

ORGANISATION_POLICY = "1.2.826.0.1.8641679.1.2.1.4"
DEVICE_POLICY = "1.2.826.0.1.8641679.1.2.1.2"
# Test Certificates must be recognisable (SEC stage 4, 215-220). No registered arc was found, so this one is made
# of a UUID, the arc that ITU-T X.667 leaves to everybody.
TEST_POLICY = "2.25.329800735698586629295641978511506172918"
DEVICE_POLICIES_SEEN = frozenset({DEVICE_POLICY, ORGANISATION_POLICY, "1.2.826.0.1.1800000.1.2.1.4"})
ACCEPTED_POLICIES = DEVICE_POLICIES_SEEN | {TEST_POLICY}

HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4"
HARDWARE_TYPE = "1.2.826.0.1.8641679.1.2.2.1"


class RemotePartyRole(IntEnum):
    """Remote Party Role, the OU of an Organisation Certificate's subject (smki.md section 3)."""

    ROOT = 0
    RECOVERY = 1
    SUPPLIER = 2
    NETWORK_OPERATOR = 3
    ACCESS_CONTROL_BROKER = 4
    TRANSITIONAL_COS = 5
    WAN_PROVIDER = 6
    ISSUING_AUTHORITY = 7
    LOAD_CONTROLLER = 8
    OTHER = 127
    XML_SIGNING = 135
    FILE_SIGNING = 136
    DSP_XML_SIGNING = 137


class Usage(StrEnum):
    """What the key of a certificate is for; a certificate has exactly one use."""

    DIGITAL_SIGNATURE = "digitalSignature"
    KEY_AGREEMENT = "keyAgreement"
    CERTIFICATE_SIGNING = "keyCertSign"

    @property
    def short(self) -> str:
        """``DS`` or ``KA`` as the repository writes it (smki.md section 8.1); ``CS`` for a CA."""
        return {"digitalSignature": "DS", "keyAgreement": "KA", "keyCertSign": "CS"}[self.value]

    @classmethod
    def of(cls, text: str) -> Usage:
        """Read ``ds``, ``KA``, ``digitalSignature`` and the like."""
        found = {usage.value.lower(): usage for usage in cls} | {usage.short.lower(): usage for usage in cls}
        try:
            return found[text.lower()]
        except KeyError:
            raise ProtocolError("BAD_USAGE", f"{text[:20]!r} is neither DS nor KA") from None


class Kind(StrEnum):
    """The place of a certificate in its tree."""

    ROOT = "root"
    ISSUING = "issuing"
    ORGANISATION = "organisation"
    DEVICE = "device"


def role_text(role: int) -> str:
    """The OU of a role: two upper-case hexadecimal digits (smki.md section 2.1)."""
    return f"{role:02X}"


def serial_text(serial: int) -> str:
    """Upper-case hexadecimal of the 16 octets, as the repository writes it."""
    return f"{serial:032X}"


def parse_serial(text: str) -> int:
    """Read a hexadecimal serial of any case, leading zeros or not (smki.md section 8.1).

    Raises
    ------
    ProtocolError
        ``BAD_SERIAL`` for anything that is not 1 to 40 hexadecimal digits.
    """
    if not 1 <= len(text) <= 40 or any(c not in "0123456789abcdefABCDEF" for c in text):
        raise ProtocolError("BAD_SERIAL", f"{text[:48]!r} is not a hexadecimal serial number")
    return int(text, 16)


def draw_serial(octets: Callable[[int], bytes]) -> int:
    """A serial number: 16 random octets, top bit clear, first octet not zero (smki.md section 2)."""
    while True:
        drawn = octets(16)
        first = drawn[0] & 0x7F
        if first:
            return int.from_bytes(bytes([first]) + drawn[1:], "big")


def canonical_issuer(text: str) -> str:
    """An RFC 4514 name in one spelling, so that ``CN=Z1, OU=07`` and ``CN=Z1,OU=07`` are one name (duis.md section 7).

    White space around separators goes, attribute types become upper case; the order of the names stays, for it is
    part of a distinguished name. Escaped separators stay within their value.
    """
    parts: list[str] = []
    current = ""
    escaped = False
    for character in text:
        if escaped:
            current += character
            escaped = False
        elif character == "\\":
            current += character
            escaped = True
        elif character in ",;":
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    spelled = []
    for part in parts:
        kind, separator, value = part.partition("=")
        spelled.append(f"{kind.strip().upper()}{separator}{value.strip()}")
    return ",".join(spelled)
