"""The catalogue: what the standard prints as tables, as data of this package, checked when it is loaded.

``service_requests`` by Service Reference Variant; ``rules`` by rule name with the response code each raises;
``response_codes``, ``dcc_alerts``, ``alert_codes`` and ``message_codes`` by code.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ..errors import EmulatorError
from .alerts import AlertCode, DCCAlert, MessageCode, load_alert_codes, load_dcc_alerts, load_message_codes
from .response_codes import ACKNOWLEDGEMENT, SUCCESS, ResponseCode, Rule, load_response_codes
from .service_requests import (
    DCC,
    LOCAL_DELIVERY_VARIANTS,
    SIGNED_PRE_COMMAND_VARIANTS,
    WAN_VARIANTS,
    FutureDating,
    ServiceRequestVariant,
    UseCaseReference,
    UserRole,
    load_service_requests,
    web_service,
)

service_requests: Final = load_service_requests()
body_elements: Final = MappingProxyType({variant.body_element: variant for variant in service_requests.values()})
response_codes, rules = load_response_codes()
dcc_alerts: Final = load_dcc_alerts()
alert_codes: Final = load_alert_codes()
message_codes: Final = load_message_codes()


def rule(name: str) -> Rule:
    """Find a rule by name; a family (``GBCS_*``) stands for every name that begins like it.

    Raises
    ------
    EmulatorError
        When no rule has that name: every rule that is raised must be in the table.
    """
    found = rules.get(name)
    if found is None and "_" in name:
        found = rules.get(name.partition("_")[0] + "_*")
    if found is None:
        raise EmulatorError(f"the catalogue has no rule {name}")
    return found


def response_code(name: str) -> str:
    """Give the response code that a rule raises.

    Raises
    ------
    EmulatorError
        When the rule is unknown, or is one that is answered with an HTTP status only.
    """
    code = rule(name).code
    if code is None:
        raise EmulatorError(f"rule {name} has no response code: it is answered with an HTTP status")
    return code


def http_status(name: str) -> int:
    """Give the HTTP status of an answer to a broken rule: 200 when a Response document carries a code."""
    return rule(name).http_status or 200


def rule_text(name: str) -> str:
    """Say in one sentence what a rule demands."""
    return rule(name).text


__all__ = [
    "ACKNOWLEDGEMENT",
    "DCC",
    "LOCAL_DELIVERY_VARIANTS",
    "SIGNED_PRE_COMMAND_VARIANTS",
    "SUCCESS",
    "WAN_VARIANTS",
    "AlertCode",
    "DCCAlert",
    "FutureDating",
    "MessageCode",
    "ResponseCode",
    "Rule",
    "ServiceRequestVariant",
    "UseCaseReference",
    "UserRole",
    "alert_codes",
    "body_elements",
    "dcc_alerts",
    "http_status",
    "message_codes",
    "response_code",
    "response_codes",
    "rule",
    "rule_text",
    "rules",
    "service_requests",
    "web_service",
]
