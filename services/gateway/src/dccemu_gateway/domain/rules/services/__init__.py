"""Check 24: what a service adds to the common checks, as a table by Service Reference Variant.

Rules that the transformation meets anyway (a log kind that the Device does not have, say) are its own and not repeated
here; the effects of Non-Device requests have theirs where they are carried out. ``docs/response-codes.md`` says of each
code where it is raised, or why not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...examination import Examination
from ..firmware import update_firmware
from . import credentials, installation, settings

SERVICE_RULES: Mapping[str, Callable[[Examination], None]] = {
    "1.1.1": settings.tariff_agrees,
    "1.1.2": settings.tariff_agrees,
    "4.1.1": settings.gas_reading,
    "4.1.2": settings.gas_reading,
    "6.8": settings.billing_start_recurs,
    "6.15.1": credentials.fit_own_role,
    "6.18.1": settings.demand_period_has_length,
    "6.21": credentials.handover,
    "6.22": settings.alert_group_is_the_roles,
    "6.23": credentials.change_of_supplier,
    "6.24.1": credentials.cells_held,
    "6.28": settings.hub_takes_sub_ghz,
    "8.7.1": installation.installation,
    "8.7.2": installation.installation,
    "8.8.1": installation.installation,
    "8.8.2": installation.installation,
    "8.11": installation.installation,
    "8.12.1": installation.installation,
    "8.12.2": installation.installation,
    "11.1": update_firmware,
    "11.4": update_firmware,
}


def service_rules_hold(examination: Examination) -> None:
    """24: the rules of the Service Reference Variant."""
    rule = SERVICE_RULES.get(examination.service_request.srv)
    if rule is not None and not examination.submitted.is_signed_pre_command:
        rule(examination)
