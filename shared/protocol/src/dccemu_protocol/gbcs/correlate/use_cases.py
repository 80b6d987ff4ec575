"""The use cases whose Pre-Commands a User may get: message code, Service Request, Device types, body, content.

Learned from gbcs.md sections 8, 14 and 15, apart from the tables that make Commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..der_types import DeviceType, JoinMethod, Role
from . import (
    auxiliary,
    credentials,
    devices,
    electricity_prepayment,
    electricity_settings,
    electricity_tariff,
    gas_prepayment,
    gas_settings,
    gas_tariff,
)
from .commands import DlmsPart, GbzPart
from .structures import Structure


@dataclass(frozen=True, slots=True)
class Dlms:
    """The items of a DLMS Command."""

    parts: tuple[DlmsPart, ...]


@dataclass(frozen=True, slots=True)
class Gbz:
    """The commands of a GBZ Command."""

    parts: tuple[GbzPart, ...]


Content: TypeAlias = Dlms | Gbz | Structure[Any]


@dataclass(frozen=True, slots=True)
class UseCase:
    """A critical use case."""

    name: str
    message_code: int
    service: str
    device_types: tuple[str, ...]
    body: str
    content: Content


_ELECTRICITY = ("ESME",)
_CONTROLLERS = ("ESME", "SAPC")
_GAS = ("GSME",)
_ANY = ("ESME", "GSME", "CHF", "GPF", "HCALCS", "PPMID", "SAPC")

_SCHEDULER = "UpdateDeviceConfigurationALCScheduler"
_AUXILIARY = "UpdateDeviceConfigurationAuxiliaryControllerScheduler"
_BLOCK_RESET = "UpdateDeviceConfigurationDailyResettingOfTariffBlockCounterMatrix"
_LIMITS = "UpdateDeviceConfigurationLoadLimitingGeneralSettings"
_BILLING = "UpdateDeviceConfigurationBillingCalendar"
_KRP = "UpdateSecurityCredentialsKRP"

_DLMS: tuple[tuple[str, int, str, tuple[str, ...], str, tuple[DlmsPart, ...]], ...] = (
    ("ECS01a", 0x0019, "1.1.1", _ELECTRICITY, "UpdateImportTariffPrimaryElement", electricity_tariff.ECS01A),
    ("ECS01b", 0x00A2, "1.2.1", _ELECTRICITY, "UpdatePricePrimaryElement", electricity_tariff.ECS01B),
    ("ECS01c", 0x00B7, "1.1.2", _ELECTRICITY, "UpdateImportTariffSecondaryElement", electricity_tariff.ECS01C),
    ("ECS01d", 0x00C7, "1.2.2", _ELECTRICITY, "UpdatePriceSecondaryElement", electricity_tariff.ECS01D),
    ("ECS02", 0x001A, "1.6", _ELECTRICITY, "UpdatePaymentMode", electricity_prepayment.ECS02),
    ("ECS03", 0x001B, "1.6", _ELECTRICITY, "UpdatePaymentMode", electricity_prepayment.ECS03),
    ("ECS04a", 0x001C, "1.5", _ELECTRICITY, "UpdateMeterBalance", electricity_prepayment.ECS04A),
    ("ECS04b", 0x00B3, "1.5", _ELECTRICITY, "UpdateMeterBalance", electricity_prepayment.ECS04B),
    ("ECS05", 0x001D, "1.7", _ELECTRICITY, "ResetTariffBlockCounterMatrix", electricity_settings.ECS05),
    ("ECS07", 0x001E, "2.3", _ELECTRICITY, "UpdateDebt", electricity_prepayment.ECS07),
    ("ECS08", 0x001F, "2.1", _ELECTRICITY, "UpdatePrepayConfiguration", electricity_prepayment.ECS08),
    ("ECS08a", 0x00DE, "2.1", _ELECTRICITY, "UpdatePrepayConfiguration", electricity_prepayment.ECS08A),
    ("ECS09", 0x0020, "2.5", _ELECTRICITY, "ActivateEmergencyCredit", electricity_prepayment.ECS09),
    ("ECS28a", 0x0043, "6.4.1", _ELECTRICITY, _LIMITS, electricity_settings.ECS28A),
    ("ECS30", 0x0046, "6.8", _ELECTRICITY, _BILLING, electricity_settings.ECS30),
    ("ECS30a", 0x00D7, "6.8", _ELECTRICITY, _BILLING, electricity_settings.ECS30),
    ("ECS38", 0x004B, "7.12", _ELECTRICITY, "SetRandomisedOffsetLimit", electricity_settings.ECS38),
    ("ECS42", 0x004F, "7.1", _ELECTRICITY, "EnableSupply", electricity_settings.ECS42),
    ("ECS43", 0x0050, "7.2", _ELECTRICITY, "DisableSupply", electricity_settings.ECS43),
    ("ECS44", 0x0051, "7.3", _ELECTRICITY, "ArmSupply", electricity_settings.ECS44),
    ("ECS46a", 0x0053, "6.14.1", _ELECTRICITY, "UpdateDeviceConfigurationALCDescriptions", auxiliary.ECS46A),
    ("ECS46c", 0x0054, "6.14.2", _ELECTRICITY, _SCHEDULER, auxiliary.ECS46C),
    ("ECS46d", 0x011A, "6.14.3", _CONTROLLERS, _AUXILIARY, auxiliary.ECS46D),
    ("ECS47", 0x0055, "7.5", _ELECTRICITY, "ActivateAuxiliaryLoad", auxiliary.ECS47_ACTIVATE),
    ("ECS47", 0x0055, "7.6", _ELECTRICITY, "DeactivateAuxiliaryLoad", auxiliary.ECS47_DEACTIVATE),
    ("ECS47", 0x0055, "7.8", _ELECTRICITY, "ResetAuxiliaryLoad", auxiliary.ECS47_RESET),
    ("ECS47a", 0x011E, "7.13", _CONTROLLERS, "SetAuxiliaryControllerState", auxiliary.ECS47A),
    ("ECS47e", 0x011F, "7.16", _CONTROLLERS, "LimitAPCLevel", auxiliary.ECS47E),
    ("ECS48", 0x00DB, "6.26", _ELECTRICITY, _BLOCK_RESET, electricity_settings.ECS48),
    ("ECS70", 0x0062, "6.11", _CONTROLLERS, "SynchroniseClock", electricity_settings.ECS70),
    ("ECS70", 0x0062, "8.1.1", _CONTROLLERS, "CommissionDeviceSynchroniseClock", electricity_settings.ECS70),
    ("ECS81", 0x0068, "6.25", _ELECTRICITY, "SetElectricitySupplyTamperState", electricity_settings.ECS81),
)

_GBZ: tuple[tuple[str, int, str, str, tuple[GbzPart, ...]], ...] = (
    ("GCS01a", 0x006B, "1.1.1", "UpdateImportTariffPrimaryElement", gas_tariff.GCS01A),
    ("GCS01b", 0x00A3, "1.2.1", "UpdatePricePrimaryElement", gas_tariff.GCS01B),
    ("GCS02", 0x006C, "1.6", "UpdatePaymentMode", gas_prepayment.GCS02),
    ("GCS03", 0x006D, "1.6", "UpdatePaymentMode", gas_prepayment.GCS03),
    ("GCS04", 0x006E, "2.3", "UpdateDebt", gas_prepayment.GCS04),
    ("GCS05", 0x006F, "2.1", "UpdatePrepayConfiguration", gas_prepayment.GCS05),
    ("GCS06", 0x0070, "2.5", "ActivateEmergencyCredit", gas_prepayment.GCS06),
    ("GCS23", 0x007C, "6.6", "UpdateDeviceConfigurationGasConversion", gas_settings.GCS23),
    ("GCS24", 0x007D, "6.7", "UpdateDeviceConfigurationGasFlow", gas_settings.GCS24),
    ("GCS24a", 0x00FC, "6.7", "UpdateDeviceConfigurationGasFlow", gas_settings.GCS24A),
    ("GCS25", 0x007E, "6.8", _BILLING, gas_settings.GCS25),
    ("GCS25a", 0x00D8, "6.8", _BILLING, gas_settings.GCS25),
    ("GCS32", 0x0081, "7.2", "DisableSupply", gas_settings.GCS32),
    ("GCS39", 0x0085, "7.3", "ArmSupply", gas_settings.GCS39),
    ("GCS40a", 0x0086, "1.5", "UpdateMeterBalance", gas_prepayment.GCS40A),
    ("GCS40b", 0x00B4, "1.5", "UpdateMeterBalance", gas_prepayment.GCS40B),
    ("GCS40c", 0x00C0, "1.5", "UpdateMeterBalance", gas_prepayment.GCS40C),
    ("GCS40d", 0x00C2, "1.5", "UpdateMeterBalance", gas_prepayment.GCS40D),
)

_SUPPLIER_BY_SUPPLIER = credentials.update_credentials(2, Role.SUPPLIER, Role.SUPPLIER)
_OPERATOR_BY_OPERATOR = credentials.update_credentials(3, Role.NETWORK_OPERATOR, Role.NETWORK_OPERATOR)
_CONTROLLER_BY_CONTROLLER = credentials.update_credentials(10, Role.LOAD_CONTROLLER, Role.LOAD_CONTROLLER)
_CONTROLLER_BY_SUPPLIER = credentials.update_credentials(11, Role.SUPPLIER, Role.LOAD_CONTROLLER)
_JOIN = "JoinServiceCritical"
_JOIN_METER = devices.join(JoinMethod.METHOD_A_INITIATOR, (DeviceType.HCALCS, DeviceType.PPMID))
_JOIN_CONTROLLER = devices.join(JoinMethod.METHOD_A_RESPONDER, (DeviceType.ESME,))
_JOIN_GAS = devices.join(JoinMethod.METHOD_C, (DeviceType.PPMID,))

_DER: tuple[tuple[str, int, str, tuple[str, ...], str, Structure[Any]], ...] = (
    ("CS02bSupplierBySupplier", 0x0102, "6.15.1", _ANY, _KRP, _SUPPLIER_BY_SUPPLIER),
    ("CS02bNOByNO", 0x0103, "6.15.1", _ANY, _KRP, _OPERATOR_BY_OPERATOR),
    ("CS02gLoadControllerByLoadController", 0x0125, "6.15.1", _ANY, _KRP, _CONTROLLER_BY_CONTROLLER),
    ("CS02gLoadControllerBySupplier", 0x0126, "6.15.1", _ANY, _KRP, _CONTROLLER_BY_SUPPLIER),
    ("CS02c", 0x000A, "6.17", _ANY, "IssueSecurityCredentials", credentials.KEY_USAGE),
    ("CS02d", 0x000B, "6.15.2", _ANY, "UpdateSecurityCredentialsDevice", credentials.DEVICE_CERTIFICATE),
    ("CS02e", 0x000C, "6.24.2", _ANY, "RetrieveDeviceSecurityCredentialsDevice", credentials.KEY_USAGE),
    ("CS03A1", 0x000D, "8.7.1", _ELECTRICITY, _JOIN, _JOIN_METER),
    ("CS03A2", 0x00AB, "8.7.1", ("HCALCS", "SAPC"), _JOIN, _JOIN_CONTROLLER),
    ("CS03C", 0x00AF, "8.7.1", _GAS, _JOIN, _JOIN_GAS),
    ("CS04AC", 0x000F, "8.8.1", _ANY, "UnjoinServiceCritical", devices.UNJOIN),
    ("CS06", 0x0012, "11.3", ("ESME", "GSME", "SAPC"), "ActivateFirmware", devices.ACTIVATE_FIRMWARE),
    ("GCS28", 0x007F, "6.11", _GAS, "SynchroniseClock", devices.SET_TIME),
    ("GCS28", 0x007F, "8.1.1", _GAS, "CommissionDeviceSynchroniseClock", devices.SET_TIME),
)


def _all() -> tuple[UseCase, ...]:
    return (
        *(UseCase(name, code, srv, types, body, Dlms(parts)) for name, code, srv, types, body, parts in _DLMS),
        *(UseCase(name, code, srv, _GAS, body, Gbz(parts)) for name, code, srv, body, parts in _GBZ),
        *(UseCase(name, code, srv, types, body, content) for name, code, srv, types, body, content in _DER),
    )


def _by_service() -> Mapping[str, tuple[UseCase, ...]]:
    found: dict[str, tuple[UseCase, ...]] = {}
    for one in _all():
        found[one.service] = (*found.get(one.service, ()), one)
    return found


BY_SERVICE = _by_service()
"""The critical use cases of each Service Request Variant."""

DOES_NOT_TRAVEL: Mapping[str, str] = {
    "PriceElements/GasPriceElements/BlockTariff/NumberOfThresholds": (
        "a gas meter always gets three block thresholds; published requests with two show it"
    ),
    "GasTariffElements/ThresholdMatrix/BlockThreshold": (
        "block thresholds do not go to a gas meter with a time-of-use tariff (the published request calls them a mock)"
    ),
    "GasTariffElements/ThresholdMatrix/BlockThreshold/@index": "as BlockThreshold",
}
"""Elements of a body, by path without positions, that may have nothing in the Pre-Command, and why."""
