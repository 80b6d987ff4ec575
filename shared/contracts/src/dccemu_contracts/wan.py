"""Commands to and messages from Devices, over the SM WAN."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from .envelope import Contract
from .topics import SM_WAN_COMMANDS, SM_WAN_RESPONSES, Topic


class DeviceCommand(Contract):
    """A complete GBCS Command for one Device, MAC included, from the gateway to the SM WAN.

    ``id`` is the gateway's command id. ``hub`` is the Communications Hub that serves the Device, absent for the hub
    itself or where the inventory does not know. ``expires_at`` is when the gateway stops waiting.
    """

    topic: ClassVar[Topic] = SM_WAN_COMMANDS

    device: str
    payload: str
    hub: str | None = None
    request_id: str | None = None
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.device


class DeviceMessage(Contract):
    """What came back: a GBCS Response, a GBCS Alert, or the word that the Device could not be reached.

    ``in_reply_to`` is the id of the DeviceCommand, for a Response and for ``undelivered``. ``payload`` is absent for
    ``undelivered``, where ``reason`` says why.
    """

    topic: ClassVar[Topic] = SM_WAN_RESPONSES

    device: str
    kind: Literal["response", "alert", "undelivered"]
    payload: str | None = None
    in_reply_to: str | None = None
    reason: str | None = None

    @property
    def key(self) -> str:
        return self.device
