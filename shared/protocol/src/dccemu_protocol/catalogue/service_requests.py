"""The 129 Service Request Variants of DUIS 5.4 (service-requests facts; duis.md section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ..errors import EmulatorError
from . import _loading as load

SIGNED_PRE_COMMAND_VARIANTS: Final = frozenset({5, 6, 7})
LOCAL_DELIVERY_VARIANTS: Final = frozenset({2, 3, 6, 7})
WAN_VARIANTS: Final = frozenset({1, 3, 5, 7})
DCC: Final = "DCC"

_WEB_SERVICES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "S", 2: "D", 3: "S", 4: "T", 5: "S", 6: "D", 7: "S", 8: "D"}
)
_DEVICE_TYPES: Final = frozenset({"ESME", "GSME", "GPF", "CHF", "HCALCS", "PPMID", "IHD", "CAD", DCC})


class UserRole(StrEnum):
    """The User Roles of the SEC."""

    IMPORT_SUPPLIER = "IS"
    EXPORT_SUPPLIER = "ES"
    GAS_SUPPLIER = "GS"
    REGISTERED_SUPPLIER_AGENT = "RSA"
    ELECTRICITY_DISTRIBUTOR = "ED"
    GAS_TRANSPORTER = "GT"
    OTHER_USER = "OU"


class FutureDating(StrEnum):
    """Who waits for the ExecutionDateTime: the DCC, the Device, or either (duis.md section 9)."""

    DSP = "DSP"
    DEVICE = "Device"
    DSP_AND_DEVICE = "DSP & Device"


@dataclass(frozen=True, slots=True)
class UseCaseReference:
    """A GBCS use case that a Service Request Variant may become."""

    code: str
    message_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequestVariant:
    """One row of the Service Request table.

    ``execution_date_time`` is ``"optional"``, ``"mandatory"`` or None for bodies without that element;
    ``use_case_names`` distinguishes forms of one use case (``CS02bSupplierByTransCoS``).
    """

    srv: str
    service_reference: str
    name: str
    body_element: str
    critical: bool
    non_device: bool
    command_variants: frozenset[int]
    future_dating: FutureDating | None
    execution_date_time: str | None
    schedulable: bool
    schedule_element: str | None
    eligible_user_roles: frozenset[UserRole]
    target_device_types: frozenset[str]
    accepts_urp_ka_certificate: bool
    sequenceable: bool
    special_processing: bool
    use_cases: tuple[UseCaseReference, ...]
    use_case_names: tuple[str, ...]
    notes: str | None

    @property
    def is_future_datable(self) -> bool:
        return self.future_dating is not None

    @property
    def allows_local_delivery(self) -> bool:
        return bool(self.command_variants & LOCAL_DELIVERY_VARIANTS)


def _variant(row: load.Row) -> ServiceRequestVariant:
    pattern = load.optional_text(row, "future_dating")
    return ServiceRequestVariant(
        srv=load.text(row, "srv"),
        service_reference=load.text(row, "service_reference"),
        name=load.text(row, "name"),
        body_element=load.text(row, "body_element"),
        critical=load.flag(row, "critical"),
        non_device=load.flag(row, "non_device"),
        command_variants=frozenset(load.numbers(row, "command_variants")),
        future_dating=None if pattern is None else FutureDating(pattern),
        execution_date_time=load.optional_text(row, "execution_date_time"),
        schedulable=load.flag(row, "schedulable"),
        schedule_element=load.optional_text(row, "schedule_element"),
        eligible_user_roles=frozenset(UserRole(role) for role in load.texts(row, "eligible_user_roles")),
        target_device_types=frozenset(load.texts(row, "target_device_types")),
        accepts_urp_ka_certificate=load.flag(row, "accepts_urp_ka_certificate"),
        sequenceable=load.flag(row, "sequenceable"),
        special_processing=load.flag(row, "special_processing"),
        use_cases=tuple(
            UseCaseReference(load.text(use_case, "code"), int(load.text(use_case, "message_code"), 16))
            for use_case in load.rows_of(row, "use_cases")
        ),
        use_case_names=load.texts(row, "use_case_names"),
        notes=load.optional_text(row, "notes"),
    )


def _check(variant: ServiceRequestVariant) -> None:
    """The rules that hold for every row (duis.md section 4, last paragraph)."""
    cvs, srv = variant.command_variants, variant.srv
    expected = {8} if variant.non_device else {4, 5, 6, 7} if variant.critical else {1, 2, 3}
    problems = [
        (
            "its Command Variants",
            cvs == expected or (srv, cvs) in {("8.1.1", frozenset({4, 5})), ("8.5", frozenset({1}))},
        ),
        ("its reference", srv == variant.service_reference or srv.startswith(variant.service_reference + ".")),
        ("its Device types", bool(variant.target_device_types) and variant.target_device_types <= _DEVICE_TYPES),
        ("its target", variant.non_device == (variant.target_device_types == {DCC})),
        ("its use cases", variant.non_device != bool(variant.use_cases)),
        ("its ExecutionDateTime", variant.execution_date_time in {None, "optional", "mandatory"}),
        ("its date", variant.future_dating is None or variant.execution_date_time is not None),
        ("its schedule element", not variant.schedulable or variant.schedule_element is not None),
    ]
    for what, holds in problems:
        if not holds:
            raise EmulatorError(f"catalogue: Service Request Variant {srv} contradicts the rules about {what}")


def load_service_requests() -> Mapping[str, ServiceRequestVariant]:
    """Load and check the table, keyed by Service Reference Variant."""
    variants = [_variant(row) for row in load.table("service_requests.json", "service_requests")]
    for variant in variants:
        _check(variant)
    load.index(variants, lambda variant: variant.body_element, "body element")
    return load.index(variants, lambda variant: variant.srv, "Service Reference Variant")


def web_service(command_variant: int) -> str:
    """Tell which web service takes a Command Variant: ``T``, ``S`` or ``D`` (duis.md section 4).

    Raises
    ------
    KeyError
        For a Command Variant that Users may not send (9 is internal to the DCC).
    """
    return _WEB_SERVICES[command_variant]
