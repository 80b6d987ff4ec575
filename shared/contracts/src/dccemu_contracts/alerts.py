"""Orders for DCC Alerts: any service may ask the gateway, which signs and delivers."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .envelope import Contract
from .topics import GATEWAY_ALERTS, Topic


class DccAlertOrder(Contract):
    """Ask the gateway to send a DCC Alert.

    ``alert`` is the name of the ``DCCAlert`` body element (``DeviceStatusChangeEvent``), ``code`` its N or AD code,
    ``recipients`` User IDs, ``body`` the element's content as nested JSON in the order of the schema: keys are element
    names, lists repeat the element.
    """

    topic: ClassVar[Topic] = GATEWAY_ALERTS

    code: str
    alert: str
    recipients: tuple[str, ...]
    device: str | None = None
    body: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.device or "dcc"
