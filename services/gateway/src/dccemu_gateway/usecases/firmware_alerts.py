"""Alerts of hubs, meters and PPMIDs about firmware, as DCC Alerts and as ends of distributions (section 13.6, 3 and 6).

CCS08 (8F89, 8F8A) of a hub and CS09 (8F8B) of a PPMID come to the DCC, which tells Users; 8F72 and 8F1C of a meter go
to its Supplier as they are, the DCC only takes note that the distribution has ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from dccemu_contracts.entitlement import responsible_suppliers
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.duis.content import Content
from dccemu_runtime.consumers import OpenUnit

from ..adapters.distributions import Distributions
from ..domain.outcomes import AlertReading
from .firmware import end_distribution
from .gateway import Gateway

NOT_TRANSFERRED, TRANSFERRED = 0x8F89, 0x8F8A
ACTIVATED = 0x8F8B
_RECEIPTS = {0x8F72: "verified", 0x8F1C: "not verified", ACTIVATED: "activated"}
_TRANSFER = ("FileTransferSuccess", "FirmwareImageDiscarded", "HardwareVersionMismatch", "FileTransferFailure")


class FirmwareAlerts:
    """What Alerts say of distributions."""

    def __init__(self, gateway: Gateway, distributions: Distributions) -> None:
        self._gateway = gateway
        self._distributions = distributions

    def note(self, unit: OpenUnit, device: str, reading: AlertReading) -> None:
        """End the distribution that an Alert speaks of."""
        if reading.code in _RECEIPTS:
            one = self._distributions.open.get(device)
            if one is not None:
                end_distribution(self._gateway, self._distributions, unit, one, _RECEIPTS[reading.code])
        elif reading.code == NOT_TRANSFERRED:
            one = self._distributions.open.get(str(reading.facts.get("device")))
            if one is not None:
                end_distribution(self._gateway, self._distributions, unit, one, "not transferred", failed=True)

    def of_hub(self, hub: DeviceFact, reading: AlertReading) -> tuple[Mapping[str, Content], frozenset[str]]:
        """N61: the hub's word about the transfer to a Device, to the User that ordered it."""
        facts, target = reading.facts, str(reading.facts["device"])
        one = self._distributions.of(target)
        transfer = int(facts.get("transfer", 0) or 0)  # type: ignore[arg-type]
        named: dict[str, Content] = {} if one is None else {"UpdateFirmwareRequestID": one.request_id}
        content: dict[str, Content] = {
            "CommsHubDeviceID": hub.device,
            "AlertCode": f"{reading.code:04X}",
            "TimeStamp": str(facts["time"]),
            "FirmwareTransferAlert": {
                **named,
                "OtherDeviceID": target,
                "FirmwareVersion": str(facts["firmware_version"]),
                "TransferResponseCode": _TRANSFER[min(transfer, len(_TRANSFER) - 1)],
            },
        }
        if one is not None:
            return content, frozenset({one.user})
        directory = self._gateway.directory
        fact = directory.device(target) or hub
        return content, responsible_suppliers(fact, directory.index, self._gateway.now())


def of_ppmid(device: str, reading: AlertReading) -> Mapping[str, Content]:
    """N33: an Alert of a PPMID; CS09 says which version runs and whether the new one does."""
    content: dict[str, Content] = {"DeviceID": device, "DeviceAlertCode": f"{reading.code:04X}"}
    if reading.code != ACTIVATED or "firmware_version" not in reading.facts:
        return content
    done = reading.facts.get("result") == 0
    return {
        **content,
        "Timestamp": str(reading.facts["time"]),
        "PPMIDFirmwareUpgradeAlert": {
            "FirmwareVersion": str(reading.facts["firmware_version"]),
            "ActivateImageResultCode": "ActivationSuccess" if done else "ActivationFailure",
        },
    }
