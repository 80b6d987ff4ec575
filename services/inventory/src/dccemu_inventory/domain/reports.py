"""Documents made from registration data: market share, Supplier on record, DCC Service Flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from dccemu_contracts.entitlement import span_at
from dccemu_contracts.inventory import DeviceFact, RegistrationFact

_COUNTED: Mapping[str, frozenset[str]] = {
    "electricity": frozenset({"traded"}),
    "gas": frozenset({"traded", "off-taken", "offtaken", "live"}),
}
"""Point statuses that count for charging (section 4.2): traded, or gas is off-taken."""

FLAGS: Mapping[str, str] = {"Commissioned": "Enrolled", "Recovery": "Enrolled", "Recovered": "Enrolled"}


def is_counted(point: RegistrationFact) -> bool:
    """Whether a point is a Mandated Smart Metering System for charging."""
    is_import = point.fuel == "gas" or point.direction == "import"
    return point.domestic and is_import and not point.removed and point.status.lower() in _COUNTED[point.fuel]


def market_share(points: Iterable[RegistrationFact], at: datetime) -> list[tuple[str, str, int, str]]:
    """Count domestic points by fuel and supplier: fuel, supplier, points, share with six decimals.

    Shares of a fuel sum to exactly 1.000000: what rounding down leaves goes to the largest remainders. Never any MPxN
    (registration-and-parties.md section 7).
    """
    counts: dict[str, Counter[str]] = {"electricity": Counter(), "gas": Counter()}
    for point in points:
        span = span_at(point, "GS" if point.fuel == "gas" else "IS", at)
        if span is not None and is_counted(point):
            counts[point.fuel][span.participant or span.user] += 1
    rows: list[tuple[str, str, int, str]] = []
    for fuel, suppliers in counts.items():
        total = sum(suppliers.values())
        shares = _shares(suppliers, total)
        rows += [(fuel, name, count, _decimal(shares[name])) for name, count in sorted(suppliers.items())]
        if total:
            rows.append((fuel, "TOTAL", total, _decimal(sum(shares.values()))))
    return rows


def _shares(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """Millionths by largest remainder."""
    if not total:
        return {}
    shares = {name: count * 1_000_000 // total for name, count in counts.items()}
    order = sorted(counts, key=lambda name: (-(counts[name] * 1_000_000 % total), name))
    for name in order[: 1_000_000 - sum(shares.values())]:
        shares[name] += 1
    return shares


def _decimal(millionths: int) -> str:
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def market_share_file(rows: Sequence[tuple[str, str, int, str]], as_of: date) -> str:
    """Write the summary for the Central Delivery Body."""
    lines = [f"as_of,{as_of.isoformat()}", "fuel,supplier,points,share"]
    lines += [",".join((fuel, supplier, str(count), share)) for fuel, supplier, count, share in rows]
    return "\n".join(lines) + "\n"


def supplier_on_record_file(points: Iterable[RegistrationFact], network: str, at: datetime) -> str:
    """Write, for an electricity network, the Supplier that the DCC holds as registered (section 4.1)."""
    lines = [f'"A00",DCC,"SOR",{at:%Y%m%d},{at:%H%M%S},{network}']
    for point in points:
        role = "IS" if point.direction == "import" else "ES"
        span = span_at(point, role, at)
        if span is not None:
            lines.append(f"{point.mpxn},{span.participant or span.user},{span.effective_from:%Y%m%d}")
    return "\n".join([*lines, f'"Z99",{len(lines) - 1}']) + "\n"


def service_flag(devices: Iterable[DeviceFact]) -> str | None:
    """Give the DCC Service Flag of a point: Enrolled, Suspended, Withdrawn; None where nothing was ever enrolled."""
    meters = [device for device in devices if device.type in ("ESME", "GSME") and not device.removed]
    statuses = [device.status or "" for device in meters]
    for status in statuses:
        if status in FLAGS:
            return FLAGS[status]
    if "Suspended" in statuses:
        return "Suspended"
    return "Withdrawn" if {"Withdrawn", "Decommissioned"} & set(statuses) else None


def status_file(flags: Iterable[tuple[str, str]], network: str, at: datetime) -> str:
    """Write the DCC Status File of a network."""
    lines = [f'"A00",DCC,"DSF",{at:%Y%m%d},{at:%H%M%S},{network}']
    lines += [f'{mpxn},"{flag}"' for mpxn, flag in flags]
    return "\n".join([*lines, f'"Z99",{len(lines) - 1}']) + "\n"
