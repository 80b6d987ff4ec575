"""Every topic on the bus: its owner's name, what it carries and whether it is compacted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the bus.

    ``name`` is ``<owner>.<plural noun>.v<major>``. ``key`` says what the message key means: order is kept per key only.
    A ``compacted`` topic holds the newest fact of each key and can be replayed from nothing. ``consumers`` are the
    services that must have handled a message before its sender may forget it; facts on compacted topics need none,
    because their owner publishes them again.
    """

    name: str
    key: str
    compacted: bool = False
    consumers: tuple[str, ...] = ()


SM_WAN_COMMANDS = Topic("sm-wan.commands.v1", "Device ID", consumers=("sm-wan",))
SM_WAN_RESPONSES = Topic("sm-wan.responses.v1", "Device ID", consumers=("gateway",))
SM_WAN_IMAGES = Topic("sm-wan.images.v1", "image hash", consumers=("sm-wan",))
SM_WAN_DISTRIBUTIONS = Topic("sm-wan.distributions.v1", "Device ID", consumers=("sm-wan",))
SM_WAN_FIRMWARE_REPORTS = Topic("sm-wan.firmware-reports.v1", "Device ID", consumers=("gateway", "inventory"))
COS_REQUESTS = Topic("cos-party.requests.v1", "Device ID", consumers=("cos-party",))
COS_COMMANDS = Topic("cos-party.commands.v1", "Device ID", consumers=("gateway",))
INVENTORY_DEVICES = Topic("inventory.devices.v1", "Device ID", compacted=True)
INVENTORY_REGISTRATIONS = Topic("inventory.registrations.v1", "MPxN", compacted=True)
INVENTORY_PARTIES = Topic("inventory.parties.v1", "Party ID", compacted=True)
INVENTORY_PRODUCTS = Topic("inventory.products.v1", "type, manufacturer, model, firmware version", compacted=True)
INVENTORY_CONSENTS = Topic("inventory.consents.v1", "consent", compacted=True)
INVENTORY_REQUESTS = Topic("inventory.requests.v1", "Device ID", consumers=("inventory",))
INVENTORY_REPLIES = Topic("inventory.replies.v1", "correlation id", consumers=("gateway",))
INVENTORY_OUTCOMES = Topic("inventory.outcomes.v1", "Device ID", consumers=("inventory",))
SMKI_CERTIFICATES = Topic("smki.certificates.v1", "issuer and serial", compacted=True)
SMKI_REVOCATIONS = Topic("smki.revocations.v1", "issuer and serial", compacted=True)
SMKI_REQUESTS = Topic("smki.requests.v1", "requester", consumers=("smki",))
GATEWAY_ALERTS = Topic("gateway.alerts.v1", "Device ID or Party", consumers=("gateway",))
RUNTIME_CONTROLS = Topic("runtime.controls.v1", "kind of control", compacted=True)
SNAPSHOT_REQUESTS = Topic("runtime.snapshot-requests.v1", "topic")

ALL: tuple[Topic, ...] = tuple(value for value in vars().copy().values() if isinstance(value, Topic))
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in ALL}
