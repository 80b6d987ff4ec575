"""``inspect``: one message as a JSON object; ``text`` makes a report of it for a person."""

from __future__ import annotations

from .envelope import GbcsMessage
from .jsontree import Json, cosem_date_time
from .keysource import KeySource
from .read import read
from .report import text

__all__ = ["inspect", "text"]


def inspect(data: bytes, keys: KeySource | None = None) -> dict[str, Json]:
    """The JSON object of ``gbcs inspect``; the order of its members is fixed.

    Raises
    ------
    GbcsError
        When the octets are no message; its ``code``, ``detail`` and ``offset`` say what is wrong.
    """
    found = read(data, keys)
    message = found.message
    tree: dict[str, Json] = {
        "kind": str(found.kind),
        "use_case": found.use_case,
        "message_code": f"{found.message_code:04x}",
        "title": found.title,
        "originator": str(message.originator),
        "recipient": str(message.target),
        "counter": message.counter,
    }
    tree |= _optional_header(message)
    tree["signature"] = str(found.signature)
    tree["mac"] = str(found.mac)
    tree["body"] = found.body
    return tree


def _optional_header(message: GbcsMessage) -> dict[str, Json]:
    """Header members that only some messages have."""
    other = message.other
    tree: dict[str, Json] = {}
    if message.date_time:
        tree["date_time"] = cosem_date_time(message.date_time)
        tree["clock_status"] = f"{message.date_time[11]:02x}"
    if other.supplementary_party is not None:
        tree["supplementary_party"] = str(other.supplementary_party)
    if other.supplementary_counter is not None:
        tree["supplementary_counter"] = other.supplementary_counter
    if other.supplementary_originator_counter is not None:
        tree["supplementary_originator_counter"] = other.supplementary_originator_counter
    if other.certificate is not None:
        tree["certificate"] = other.certificate.hex()
    return tree
