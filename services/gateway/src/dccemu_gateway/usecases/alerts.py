"""Alerts: Device Alerts passed on, DCC Alerts made on order.

service-request-processing.md section 17 and duis.md section 5. A Device Alert goes to the party that GBCS names;
one that the Device addressed to the broker is the DCC's own to read, or goes to the User on whose behalf the broker
acted.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.entitlement import responsible_suppliers
from dccemu_contracts.inventory import CommandOutcome
from dccemu_protocol.duis import responses
from dccemu_protocol.duis.content import Content
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import Overloaded, Write
from dccemu_runtime.journal import Entry

from ..domain.commands import Command
from ..domain.outcomes import FUTURE_DATED, AlertReading
from .dcc_alerts import dcc_alert
from .firmware_alerts import NOT_TRANSFERRED, TRANSFERRED, FirmwareAlerts, of_ppmid
from .gateway import Gateway
from .inventory_replies import InventoryReplies

log = structlog.get_logger(__name__)

_BEFORE_CONTACT = frozenset({"Pending", "Whitelisted", "InstalledNotCommissioned"})
_DUAL_BAND = frozenset(range(0x8F20, 0x8F2E))
READ_ALERTS = frozenset({0x8F12, 0x8071, 0x8F43, 0x8F8B})
"""Alerts that change inventory records: hub log, Gas Proxy Function log, new firmware, that of a PPMID."""


def command_failure(gateway: Gateway, code: str, request_id: str, device: str, user: str) -> Write:
    """A CommandFailure Alert to the User that sent the request."""
    content = {"CommandRequestID": request_id, "DeviceID": device}
    return dcc_alert(gateway, code, "CommandFailure", content, device, user)


class Alerts:
    """Device Alerts on their way to Users, and DCC Alerts that other services order."""

    def __init__(self, gateway: Gateway, firmware: FirmwareAlerts, inventory: InventoryReplies) -> None:
        self._gateway = gateway
        self._firmware = firmware
        self._inventory = inventory

    def command_failure(self, code: str, command: Command) -> Write:
        """A CommandFailure Alert about a Command."""
        schedule = command.extra.get("schedule")
        if isinstance(schedule, int):
            content: dict[str, Content] = {
                "CommandRequestID": str(command.extra["created_by"]),
                "DSPScheduleID": schedule,
                "DeviceID": command.device,
            }
            return dcc_alert(self._gateway, code, "CommandFailure", content, command.device, command.user)
        return command_failure(self._gateway, code, command.request_id, command.device, command.user)

    def pass_on(
        self, unit: OpenUnit, message: GbcsMessage, octets: bytes, reading: AlertReading, fired: Command | None
    ) -> Write | None:
        """Deliver a verified Device Alert to the User it is for, and to the inventory what changes records.

        Gives the delivery, if there is one.
        """
        gateway = self._gateway
        recipient = self._recipient(message, fired)
        delivery = None if recipient is None else self._delivery(message, octets, reading, recipient, fired)
        if delivery is not None:
            unit.write(delivery)
        else:
            unit.write(*self._dcc_alerts(message, reading))
        self._firmware.note(unit, str(message.originator), reading)
        if reading.code not in READ_ALERTS:
            self.note_contact(unit, message)
        else:
            told = CommandOutcome(
                id=f"alert {message.originator} {message.counter}",
                at=gateway.now(),
                device=str(message.originator),
                success=not reading.facts.get("result"),
                asked=delivery is not None,
                alert_code=f"{reading.code:04X}",
                facts=dict(reading.facts),
            )
            unit.write(gateway.outbox.write(told))
            if delivery is not None:
                self._inventory.deliver_after(told, delivery)
        unit.write(
            gateway.journal.write(
                Entry(
                    id=gateway.new_id(),
                    at=gateway.now(),
                    stage="alert",
                    outcome=f"{reading.code:04X}" + ("" if recipient is None else f" to {recipient}"),
                    request_id=None if fired is None else fired.request_id,
                    user=recipient,
                    device=str(message.originator),
                    detail={"message_code": f"{message.message_code:04x}", **reading.facts},
                    message=octets,
                )
            )
        )
        return delivery

    def note_contact(self, unit: OpenUnit, message: GbcsMessage) -> None:
        """First contact of a hub that is not commissioned yet: the inventory commissions it (section 3)."""
        device = str(message.originator)
        fact = self._gateway.directory.device(device)
        if fact is None or fact.type != "CHF" or fact.status not in _BEFORE_CONTACT:
            return
        unit.write(
            self._gateway.outbox.write(
                CommandOutcome(
                    id=f"contact {device} {message.cra.name} {message.counter}",
                    at=self._gateway.now(),
                    device=device,
                    success=True,
                )
            )
        )

    def _dcc_alerts(self, message: GbcsMessage, reading: AlertReading) -> list[Write]:
        """Alerts that a PPMID or hub sent to the DCC, told to those concerned (section 17)."""
        gateway, device = self._gateway, str(message.originator)
        fact = gateway.directory.device(device)
        if fact is None:
            return []
        code = f"{reading.code:04X}"
        suppliers = responsible_suppliers(fact, gateway.directory.index, gateway.now())
        if fact.type == "PPMID":
            alert, name = "N33", "PPMIDAlert"
            content: Mapping[str, Content] = of_ppmid(device, reading)
        elif fact.type == "CHF" and reading.code in _DUAL_BAND:
            alert, name = "N54", "DualBandCHAlert"
            content = {"CHFDeviceID": device, "DeviceAlertCode": code}
        elif fact.type == "CHF" and reading.code in (TRANSFERRED, NOT_TRANSFERRED):
            alert, name = "N61", "CommsHubAlert"
            content, suppliers = self._firmware.of_hub(fact, reading)
        else:
            return []
        return [dcc_alert(gateway, alert, name, content, device, user) for user in sorted(suppliers)]

    def _recipient(self, message: GbcsMessage, fired: Command | None) -> str | None:
        """The User whom an Alert is for; None where it is the DCC's own."""
        if fired is not None:
            return fired.user
        named = message.other.supplementary_party or message.target
        return str(named) if self._gateway.directory.user(str(named)) is not None else None

    def _delivery(
        self, message: GbcsMessage, octets: bytes, reading: AlertReading, recipient: str, fired: Command | None
    ) -> Write:
        gateway, at = self._gateway, self._gateway.now()
        if fired is not None and reading.code in FUTURE_DATED:
            number = int(fired.extra.get("seen", 0) or 0) + 1  # type: ignore[arg-type]
            total = int(fired.extra.get("instructions", 1) or 1)  # type: ignore[arg-type]
            answered = fired.answered
            document = responses.future_dated_alert(answered, octets, reading.code, number, max(number, total), at)
            request_id, response_id, kind = fired.request_id, answered.request_id.response_id, "execution alert"
        else:
            document = responses.device_alert(
                message.originator,
                Eui64.parse(recipient),
                message.counter,
                reading.code,
                octets,
                at,
                gateway.version_of(recipient),
            )
            request_id, response_id = None, f"{message.originator}:{recipient}:{message.counter}"
            kind = f"device alert {reading.code:04X}"
        return gateway.delivery(
            user=recipient,
            device=str(message.originator),
            kind=kind,
            code="I0",
            document=gateway.keys.signer.sign_canonical(document),
            request_id=request_id,
            response_id=response_id,
        )

    async def order(self, unit: OpenUnit, order: DccAlertOrder) -> None:
        """Sign and deliver a DCC Alert to each recipient."""
        gateway = self._gateway
        rows: list[Write] = []
        try:
            for user in order.recipients:
                rows.append(dcc_alert(gateway, order.code, order.alert, order.body, order.device, user))
            outcome = f"{order.code} {order.alert} to {len(rows)}"
        except Overloaded:
            raise
        except (ProtocolError, EmulatorError) as error:
            log.warning("DCC Alert not made", code=order.code, alert=order.alert, error=str(error))
            rows, outcome = [], f"not made: {error}"
        entry = Entry(
            id=gateway.new_id(),
            at=gateway.now(),
            stage="dcc alert",
            outcome=outcome,
            device=order.device,
            detail={"code": order.code, "body": order.body, "recipients": list(order.recipients)},
        )
        unit.write(*rows, gateway.journal.write(entry))
