"""The admin port of the suite: journal, clock, faults, Devices, deliveries. None of this exists in the real DCC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import httpx

from .errors import GatewayError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class AdminClient:
    """A client of ``/admin``.

    Every method gives the JSON of the reply. A refusal raises ``GatewayError`` with the problem's own words.
    """

    def __init__(self, url: str, *, timeout: float = 65.0) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Json = None, **query: str | int | float | None) -> Json:
        """Call any admin path; ``query`` is added to what the path has of it."""
        given = {name: value for name, value in query.items() if value is not None}
        reply = self._client.request(method, httpx.URL(path).copy_merge_params(given), json=body)
        if reply.is_error:
            raise GatewayError(reply.status_code, _problem(reply))
        return None if not reply.content else _json(reply)

    def is_ready(self) -> bool:
        """Whether the suite can work."""
        return self._client.get("/readyz").status_code == httpx.codes.OK

    # journal

    def journal(self, **filters: str | int | None) -> list[dict[str, Json]]:
        """Entries, newest first; filters: user, device, srv, request_id, stage, outcome, since."""
        return _entries(self.call("GET", "/admin/journal", **filters))

    def journal_entry(self, entry_id: str) -> dict[str, Json]:
        """One entry with every check: rule, expected, got, clause."""
        return _object(self.call("GET", f"/admin/journal/{entry_id}"))

    def wait_for_journal(
        self, count: int = 1, timeout: float = 10.0, **filters: str | int | None
    ) -> list[dict[str, Json]]:
        """Wait until as many entries match; gives those there are when the time is over."""
        return _entries(self.call("GET", "/admin/journal/wait", count=count, timeout=timeout, **filters))

    # clock

    def clock(self) -> dict[str, Json]:
        return _object(self.call("GET", "/admin/clock"))

    def set_clock(self, now: datetime | None = None, *, frozen: bool | None = None) -> dict[str, Json]:
        body: dict[str, Json] = {}
        if now is not None:
            body["now"] = now.isoformat()
        if frozen is not None:
            body["frozen"] = frozen
        return _object(self.call("PUT", "/admin/clock", body))

    def advance(self, seconds: float) -> dict[str, Json]:
        """Move the clock forward; what falls due happens."""
        return _object(self.call("POST", "/admin/clock/advance", {"seconds": seconds}))

    # faults, reset

    def faults(self) -> Json:
        return self.call("GET", "/admin/faults")

    def add_fault(self, fault: dict[str, Json]) -> dict[str, Json]:
        return _object(self.call("POST", "/admin/faults", fault))

    def clear_faults(self) -> None:
        self.call("DELETE", "/admin/faults")

    def reset(self) -> None:
        """Forget everything and begin again from the scenario."""
        self.call("POST", "/admin/reset")

    # Devices and deliveries

    def device(self, eui: str) -> dict[str, Json]:
        return _object(self.call("GET", f"/admin/devices/{eui}"))

    def set_device(self, eui: str, changes: Mapping[str, Json]) -> dict[str, Json]:
        return _object(self.call("PUT", f"/admin/devices/{eui}", dict(changes)))

    def raise_alert(self, eui: str, alert: dict[str, Json]) -> Json:
        """Let a simulated Device send an Alert."""
        return self.call("POST", f"/admin/devices/{eui}/alerts", alert)

    def deliveries(self, **filters: str | int | None) -> Json:
        """What was pushed to Users, and what still waits."""
        return self.call("GET", "/admin/deliveries", **filters)

    def set_receiver(self, eui: str, url: str) -> Json:
        """Tell the gateway where a User's Receive Response Service is."""
        return self.call("PUT", f"/admin/gateway/receivers/{eui}", {"url": url})


def _json(reply: httpx.Response) -> Json:
    value: Json = reply.json()
    return value


def _problem(reply: httpx.Response) -> str:
    try:
        value = reply.json()
    except ValueError:
        return reply.text[:300]
    return str(value.get("detail", value))[:500] if isinstance(value, dict) else str(value)[:500]


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise GatewayError(200, f"the admin port sent {type(value).__name__} instead of an object")
    return value


def _entries(value: Json) -> list[dict[str, Json]]:
    entries = value.get("entries", []) if isinstance(value, dict) else value
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
