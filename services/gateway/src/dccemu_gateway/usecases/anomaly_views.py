"""What is shown of threshold anomaly detection: thresholds as they count, and the quarantine report."""

from __future__ import annotations

from typing import Any

from dccemu_protocol.anomaly import ReportRow, write_report
from dccemu_protocol.anomaly.layout import SOURCE
from dccemu_protocol.errors import ProtocolError

from ..adapters.anomaly import AnomalyRows
from .anomaly import Detection
from .gateway import Gateway


def check_peer(gateway: Gateway, user: str, peer: str | None) -> None:
    """Over mutual TLS a Party reaches its own User IDs only.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_USER`` or ``PEER_OF_ANOTHER_PARTY``.
    """
    found = gateway.directory.user(user)
    if found is None:
        raise ProtocolError("UNKNOWN_USER", f"{user} is no User ID of an acceded Party", source=SOURCE)
    if peer is not None and found.party != peer:
        raise ProtocolError("PEER_OF_ANOTHER_PARTY", f"{user} is of Party {found.party}, not {peer}", source=SOURCE)


class AnomalyViews:
    """Queries."""

    def __init__(self, gateway: Gateway, detection: Detection, rows: AnomalyRows) -> None:
        self._gateway = gateway
        self._detection = detection
        self._rows = rows

    async def report(self, user: str, peer: str | None) -> bytes:
        """The quarantine report of a User."""
        check_peer(self._gateway, user, peer)
        async with self._gateway.database.pool.acquire() as connection:
            found = await self._rows.open_of(connection, user)
        rows = [ReportRow(one.event, one.request_id, one.srv, one.received_at, one.breach) for one in found]
        return write_report(f"REPORT-{self._gateway.now():%Y%m%d%H%M%S}", user, rows)

    async def thresholds(self, user: str | None, peer: str | None) -> list[dict[str, Any]]:
        """Thresholds as given, with what counts now; of a User, or of everybody."""
        if user is not None:
            check_peer(self._gateway, user, peer)
        at = self._gateway.now()
        now = at.timestamp()
        counted = {
            (watch.owner, watch.srv, row): watch.windows[row.window.total_seconds()].count(now)
            for watch in self._detection.watches()
            for row in (watch.in_force(now, at),)
            if row is not None
        }
        return [
            {
                "user": one.owner,
                "reference": one.reference,
                "srv": one.threshold.srv,
                "window_seconds": int(one.threshold.window.total_seconds()),
                "warning": one.threshold.warning,
                "quarantine": one.threshold.quarantine,
                "valid_from": one.threshold.valid_from.isoformat(),
                "valid_to": None if one.threshold.valid_to is None else one.threshold.valid_to.isoformat(),
                "exception_note": one.threshold.note,
                "in_force": (one.owner, one.threshold.srv, one.threshold) in counted,
                "counted": counted.get((one.owner, one.threshold.srv, one.threshold)),
            }
            for one in await self._rows.thresholds(user)
        ]
