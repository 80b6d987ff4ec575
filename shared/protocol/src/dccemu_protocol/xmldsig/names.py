"""Distinguished names, compared as names and not as text (duis.md section 7).

``CN=Z1,OU=07`` and ``CN=Z1, OU=07`` both occur in published messages for one issuer, and the certificate itself
holds the same two parts in the opposite order, which is how RFC 4514 wants text and DER to differ. Programs that
forget to turn the order round are common, so a name and its reversal count as the same name here; a certificate is
found by this key *and* its serial number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

from ..errors import ProtocolError

Part: TypeAlias = tuple[str, str]
NameKey: TypeAlias = str
"""Text, because a text knows its hash: a key is looked up for each signed document."""

_OIDS: Final = {
    "2.5.4.3": "cn",
    "2.5.4.6": "c",
    "2.5.4.7": "l",
    "2.5.4.8": "st",
    "2.5.4.10": "o",
    "2.5.4.11": "ou",
    "0.9.2342.19200300.100.1.25": "dc",
    "0.9.2342.19200300.100.1.1": "uid",
}
_KEYWORD: Final = re.compile(r"\s*(?:[oO][iI][dD]\.)?([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)\s*=\s*")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_PLAIN: Final = re.compile(r"((?:[^\\,;+\"]|\\.)*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_MAX_LENGTH: Final = 1024


def _unescape(value: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "replace")
        return match[2]

    return _ESCAPE.sub(replace, value)


def _fold(value: str) -> str:
    return " ".join(value.split()).casefold()


@lru_cache(maxsize=4096)
def name_key(text: str) -> NameKey:
    """Turn the text of a distinguished name into a value that is equal for equal names.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_PROFILE`` when the text is not a distinguished name in the form of RFC 4514 or RFC 2253.
    """
    if len(text) > _MAX_LENGTH:
        raise ProtocolError("SIGNATURE_PROFILE", f"an issuer name of {len(text)} characters is too long")
    parts: list[list[Part]] = [[]]
    position = 0
    while True:
        keyword = _KEYWORD.match(text, position)
        if keyword is None:
            raise ProtocolError("SIGNATURE_PROFILE", f"{text[:60]!r} is not a distinguished name")
        value = _QUOTED.match(text, keyword.end()) or _PLAIN.match(text, keyword.end())
        assert value is not None  # the plain pattern matches the empty string
        kind = keyword[1].lower()
        parts[-1].append((_OIDS.get(kind, kind), _fold(_unescape(value[1]))))
        position = value.end()
        if position == len(text):
            break
        if text[position] not in ",;+":
            raise ProtocolError("SIGNATURE_PROFILE", f"{text[:60]!r} is not a distinguished name")
        if text[position] != "+":
            parts.append([])
        position += 1
    forward = tuple(tuple(sorted(part)) for part in parts)
    return repr(min(forward, forward[::-1]))


def same_name(one: str, other: str) -> bool:
    """Whether two texts denote the same distinguished name."""
    return one == other or name_key(one) == name_key(other)
