"""What a simulated Device remembers when it is first switched on: entries of its logs, so that reads show something."""

from __future__ import annotations

from collections.abc import Mapping

from .. import datum as d
from .gas_effects import set_attribute
from .state import DeviceFacts, Draft, Value

_HOUR, _DAY = 3_600, 86_400
_POUND = 100_000
# Log: entries as (hours after installation, event code or amount, further octets in hexadecimal).
_LOGS: Mapping[str, tuple[tuple[int, int, str], ...]] = {
    "event": ((0, 0x8183, ""), (0, 0x8145, ""), (1, 0x8154, "009b"), (2, 0x8161, ""), (20, 0x8145, "")),
    "security": ((0, 0x8F74, ""), (0, 0x8F76, ""), (1, 0x8F4D, ""), (1, 0x8F4F, "")),
    "power": ((3, 0x8F57, "00000001"), (4, 0x8F35, "00000e10")),
    "sub-ghz": ((1, 0x8F27, "e0000001090100"), (2, 0x8F26, "e0000001090100")),
    "debt-payments": ((10, 95 * 1000, ""), (11, 81 * 1000, "")),
}
_TOP_UPS = (("73942213165647575864", 10 * _POUND), ("73942626524254737218", 5 * _POUND))


def switch_on(facts: DeviceFacts, draft: Draft) -> None:
    """Put the first entries into the logs of a new Device."""
    start = facts.installed
    for name, entries in _LOGS.items():
        rows: list[Value] = [[start + hours * _HOUR, code, extra] for hours, code, extra in entries]
        draft.put(f"log/{name}", rows)
    draft.put("log/alcs", [[start + _HOUR, 0x0111, 0, start + _HOUR]])
    draft.put("log/boost", [[start + _HOUR, start + 2 * _HOUR]])
    credits: list[Value] = [
        [start + (number + 1) * _HOUR, amount, digits.encode().hex()]
        for number, (digits, amount) in enumerate(_TOP_UPS)
    ]
    draft.put("log/credits", credits)
    draft.put("counter/own", 1_000)
    _meter_points(facts, draft)


def _meter_points(facts: DeviceFacts, draft: Draft) -> None:
    """The meter point numbers that an installer has set: a twin element meter has two import MPANs in one string."""
    imported = (facts.import_mpxn + facts.secondary_mpan).encode()
    if facts.type == "ESME":
        draft.put_octets("dlms/1/0-0:94.44.34.11/2", d.encode(d.OctetString(imported)))
        draft.put_octets("dlms/1/1-0:0.0.2.255/2", d.encode(d.OctetString(facts.export_mpan.encode())))
    elif facts.type in ("GSME", "GPF"):
        set_attribute(draft, 0x0702, 0x0307, imported)
