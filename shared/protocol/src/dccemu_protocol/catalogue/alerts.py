"""DCC Alert codes, GBCS alert codes and GBCS message codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import EmulatorError
from . import _loading as load


@dataclass(frozen=True, slots=True)
class DCCAlert:
    """A DCC Alert code. ``body_element`` is one of the 24 elements of ``DCCAlert``, None where nothing is known.

    ``form`` names the choice inside the body element where the code is tied to one (``MeterIdentity``).
    """

    code: str
    body_element: str | None
    form: str | None
    meaning: str | None
    sent_to: str | None
    project_assignment: bool


@dataclass(frozen=True, slots=True)
class AlertCode:
    """A GBCS event or alert code: four hexadecimal digits, 8Fxx critical, 80xx and 81xx not."""

    code: str
    name: str
    critical: bool
    recipients: tuple[str, ...]
    message: str | None


@dataclass(frozen=True, slots=True)
class MessageCode:
    """A GBCS message code."""

    code: int
    name: str


def _dcc_alert(row: load.Row) -> DCCAlert:
    body = load.optional_text(row, "body_element")
    element, _, form = (body or "").partition("/")
    return DCCAlert(
        load.text(row, "code"),
        element or None,
        form or None,
        load.optional_text(row, "meaning"),
        load.optional_text(row, "sent_to"),
        load.flag(row, "project_assignment"),
    )


def _alert_code(row: load.Row) -> AlertCode:
    code = load.text(row, "code")
    if len(code) != 4 or int(code, 16) < 0x8000:
        raise EmulatorError(f"catalogue: {code!r} is not an alert code")
    return AlertCode(
        code,
        load.text(row, "name"),
        load.flag(row, "critical"),
        load.texts(row, "recipients"),
        load.optional_text(row, "message"),
    )


def load_dcc_alerts() -> Mapping[str, DCCAlert]:
    """DCC Alerts by code (``N42``, ``AD1``)."""
    rows = load.table("dcc_alerts.json", "alerts")
    return load.index((_dcc_alert(row) for row in rows), lambda alert: alert.code, "DCC Alert")


def load_alert_codes() -> Mapping[str, AlertCode]:
    """GBCS alert codes by their four upper-case hexadecimal digits (``8F66``)."""
    rows = load.table("alert_codes.json", "alert_codes")
    return load.index((_alert_code(row) for row in rows), lambda alert: alert.code, "alert code")


def load_message_codes() -> Mapping[int, MessageCode]:
    """GBCS message codes by number."""
    rows = load.table("message_codes.json", "message_codes")
    codes = [MessageCode(int(load.text(row, "code"), 16), load.text(row, "name")) for row in rows]
    load.index(codes, lambda code: f"{code.code:04X}", "message code")
    return MappingProxyType({code.code: code for code in codes})
