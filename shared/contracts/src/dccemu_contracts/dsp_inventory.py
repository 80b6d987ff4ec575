"""How DSPInventory shows an inventory record (duis.md section 6, type ``Device``): its elements and their fields."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: The elements of ``Device`` that hold a field as it is, in the order of the standard.
DEVICE_ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "DeviceID": "device",
        "DeviceType": "type",
        "DeviceStatus": "status",
        "DeviceManufacturer": "manufacturer",
        "DeviceModel": "model",
        "SMETSCHTSVersion": "smets_chts_version",
        "DeviceFirmwareVersion": "firmware_version",
        "DeviceFirmwareVersionStatus": "firmware_version_status",
        "CPLStatus": "cpl_status",
        "DateCommissioned": "commissioned_on",
        "ImportMPxN": "import_mpxn",
        "SecondaryImportMPAN": "secondary_import_mpan",
        "ExportMPAN": "export_mpan",
        "ESMEVariant": "esme_variant",
        "UPRN": "uprn",
        "CSPRegion": "csp_region",
        "DeviceGBCSVersion": "gbcs_version",
        "HANVariant": "han_variant",
        "Connectivity": "connectivity",
    }
)

#: The elements of ``PropertyFilter``, both of which it must have.
PROPERTY_ELEMENTS: Mapping[str, str] = MappingProxyType(
    {"PostCode": "post_code", "AddressIdentifier": "address_identifier"}
)
