"""Facts of the inventory service: Devices, registrations, Parties; and requests that it answers."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import override

from .envelope import Contract, Parts
from .topics import (
    INVENTORY_DEVICES,
    INVENTORY_OUTCOMES,
    INVENTORY_PARTIES,
    INVENTORY_PRODUCTS,
    INVENTORY_REGISTRATIONS,
    INVENTORY_REPLIES,
    INVENTORY_REQUESTS,
    Topic,
)


class Part(BaseModel):
    """A value inside a contract."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TrustAnchorCell(Part):
    """What the inventory believes a trust anchor cell of a Device holds (inventory.md section 5)."""

    role: int
    usage: Literal["digitalSignature", "keyAgreement", "keyCertSign"]
    cell_usage: int = 0
    eui: str
    ski: str | None = None
    serial: str | None = None


_CELLS = TypeAdapter(tuple[TrustAnchorCell, ...])
_CELLS_KEY, _CELLS_START = b'"cells"', b',"cells":['


@lru_cache(maxsize=2048)
def _shared(cells: bytes) -> bytes:
    """Give one object for equal octets."""
    return cells


@lru_cache(maxsize=2048)
def _cells(data: bytes) -> tuple[TrustAnchorCell, ...]:
    return _CELLS.validate_json(data)


class DeviceFact(Contract):
    """One inventory record, whole (inventory.md section 1). ``version`` rises with each change; older ones are ignored.

    ``removed`` marks a tombstone. Texts are exactly what 8.2 answers. ``cells`` is the credential cache. ``meters``
    lists the meters and Gas Proxy Functions a Device is joined to (for a GPF its gas meters); ``half_joins`` joins of
    which one side has answered: ``meter:<EUI>`` the meter, ``self:<EUI>`` the Device itself. ``installation`` and
    ``returned`` keep the last 8.14 messages of a hub, ``prior_status`` what a suspended Device goes back to.
    """

    topic: ClassVar[Topic] = INVENTORY_DEVICES

    version: int
    device: str
    type: Literal["ESME", "GSME", "GPF", "CHF", "HCALCS", "PPMID", "IHD", "CAD", "SAPC"]
    status: str | None = None
    status_at: datetime | None = None
    prior_status: str | None = None
    manufacturer: str = ""
    model: str = ""
    smets_chts_version: str | None = None
    firmware_version: str | None = None
    firmware_version_status: str | None = None
    cpl_status: str | None = None
    commissioned_on: date | None = None
    import_mpxn: str | None = None
    secondary_import_mpan: str | None = None
    export_mpan: str | None = None
    esme_variant: str | None = None
    uprn: str | None = None
    post_code: str | None = None
    address_identifier: str | None = None
    csp_region: str | None = None
    gbcs_version: str | None = None
    han_variant: str | None = None
    connectivity: str | None = None
    hub: str | None = None
    gpf: str | None = None
    meters: tuple[str, ...] = ()
    cells: tuple[TrustAnchorCell, ...] = ()
    notified_by: str | None = None
    chf_log_backup: dict[str, Any] | None = None
    gpf_log_backup: dict[str, Any] | None = None
    half_joins: tuple[str, ...] = ()
    installation: dict[str, Any] | None = None
    returned: dict[str, Any] | None = None
    removed: bool = False

    @property
    def key(self) -> str:
        return self.device

    @classmethod
    @override
    def parts(cls, data: bytes) -> Parts:
        """Cut out the cells: two thirds of a record, and the same text in all Devices of a type and a Supplier.

        They are cut out only where there is one key ``cells`` in the whole text and it is a member of the record.
        """
        start = data.find(_CELLS_START)
        if start < 0 or data.count(b"{", 0, start) != 1 or data.count(_CELLS_KEY) != 1:
            return (data,)
        end = data.find(b"]", start) + 1
        return data[:start] + data[end:], _shared(data[start + len(_CELLS_START) - 1 : end])

    @classmethod
    @override
    def from_parts(cls, parts: Parts) -> Self:
        fact = cls.model_validate_json(parts[0])
        if len(parts) > 1:
            # Nobody has seen the record yet: putting the member in costs a twentieth of ``model_copy``.
            fact.__dict__["cells"] = _cells(parts[1])
            fact.model_fields_set.add("cells")
        return fact


class RoleSpan(Part):
    """Who holds a role at a meter point, from a UK local date on, up to a date or open ended.

    ``role`` is one of IS, ES, GS, ED, GT, RSA; ``user`` the User ID (EUI-64) of the holder, ``participant`` its market
    participant id in the feed. ``cancelled``: an objection was upheld, or the registration was withdrawn.
    """

    role: Literal["IS", "ES", "GS", "ED", "GT", "RSA"]
    user: str
    effective_from: date
    effective_to: date | None = None
    cancelled: bool = False
    participant: str | None = None
    objection: Literal["none", "raised", "lifted"] = "none"


class RegistrationFact(Contract):
    """All registrations of one meter point (registration-and-parties.md section 4)."""

    topic: ClassVar[Topic] = INVENTORY_REGISTRATIONS

    version: int
    mpxn: str
    fuel: Literal["electricity", "gas"]
    direction: Literal["import", "export"] = "import"
    spans: tuple[RoleSpan, ...] = ()
    status: str = "traded"
    energised: bool = True
    network: str | None = None
    domestic: bool = True
    uprn: str | None = None
    post_code: str | None = None
    address_identifier: str | None = None
    removed: bool = False

    @property
    def key(self) -> str:
        return self.mpxn


class UserFact(Part):
    """A User ID of a Party: roles held and whether the User Entry Process for each is complete.

    ``roles`` maps a User Role (IS, ES, GS, ED, GT, RSA, OU) to its entry status: Applied, Testing, Eligible, Active,
    Suspended or Withdrawn. Only Active may send. ``receive_url`` is the User's Receive Response Service.
    """

    user: str
    roles: dict[str, str]
    remote_party_role: int | None = None
    receive_url: str | None = None
    suspended_services: tuple[str, ...] = ()
    is_gateway_user: bool = True


class PartyFact(Contract):
    """A SEC Party with its User IDs (registration-and-parties.md section 1)."""

    topic: ClassVar[Topic] = INVENTORY_PARTIES

    version: int
    party: str
    name: str
    category: str | None = None
    participants: tuple[str, ...] = ()
    users: tuple[UserFact, ...] = ()
    removed: bool = False

    @property
    def key(self) -> str:
        return self.party


class ProductFact(Contract):
    """One entry of the Certified Products List (inventory.md section 8).

    ``firmware_version`` is empty for Type 2 Devices. ``image_hash`` is SHA-256 of the Manufacturer Image, hexadecimal.
    """

    topic: ClassVar[Topic] = INVENTORY_PRODUCTS

    version: int
    type: str
    manufacturer: str
    model: str
    firmware_version: str = ""
    gbcs_version: str | None = None
    image_hash: str | None = None
    status: Literal["Active", "Cancelled", "Expired", "Withdrawn"] = "Active"
    removed: bool = False

    @property
    def key(self) -> str:
        return product_key(self.type, self.manufacturer, self.model, self.firmware_version)


def product_key(device_type: str, manufacturer: str, model: str, firmware_version: str) -> str:
    """The key of an entry of the Certified Products List."""
    return "/".join((device_type, manufacturer, model, firmware_version.upper()))


class InventoryRequest(Contract):
    """A Non-Device Service Request that the inventory must carry out (8.3, 8.4, 12.1, 12.2, 8.14.1 to 8.14.4).

    ``body`` is the DUIS body element as an XML string, already verified by the gateway. ``roles`` are the eligible
    roles the sender holds. (8.2 is answered from a projection: see ``device_index.DeviceIndex.read``.)
    """

    topic: ClassVar[Topic] = INVENTORY_REQUESTS

    request_id: str
    srv: str
    user: str
    roles: tuple[str, ...]
    device: str
    body: str

    @property
    def key(self) -> str:
        return self.device


class InventoryReply(Contract):
    """The inventory's answer to one InventoryRequest or CommandOutcome: done (with data if any) or refused by a rule.

    ``data`` is the body of the ResponseMessage where it has one (12.1): one element name to its content as nested JSON
    in the order of the schema. ``rule`` may also be set with ``done``: a warning (``HUB_LOCATION_DIFFERS``, W081401).
    ``changed`` are the records as the request left them: who answers the User knows them before the User asks again.
    """

    topic: ClassVar[Topic] = INVENTORY_REPLIES

    in_reply_to: str
    request_id: str | None = None
    outcome: Literal["done", "refused"]
    rule: str | None = None
    detail: str | None = None
    place: str | None = None
    data: dict[str, Any] | None = None
    changed: tuple[DeviceFact, ...] = ()

    @property
    def key(self) -> str:
        return self.in_reply_to


class CommandOutcome(Contract):
    """The gateway tells the inventory that a Command which changes records was answered by the Device.

    Sent for the SRVs whose Responses the DCC reads (service-request-processing.md section 7): 8.1.1, 8.7.x, 8.8.x,
    8.11, 8.12.x, 6.15.1, 6.15.2, 6.17, 6.21, 6.23, 11.2, 11.3; for Device Alerts that back up logs (``alert_code``);
    and for any message whose cryptography was checked from a hub that is not Commissioned (first contact; ``srv`` may
    be absent). ``device`` is the Device that answered, ``local`` is set when the answer came back by 8.13. With
    ``asked`` the inventory says in an InventoryReply that it is done. ``facts`` in plain JSON:

    * ``request``: the content of the body element, ``{"DeviceID": "..", "AddDeviceToCHFWhitelist": {"ImportMPxN":
    ".."}}``;
      an element that repeats is a list;
    * ``statuses``: for CS02b the status of each replaced cell in the order of the request's certificates (all 0 if
    absent);
    * ``firmware_version``: for 11.2, 11.3, Alerts 8F43, 8F66 (firmware) and 8F8B what the Device reports;
    * ``chf_log_backup`` (Alert 8F12): ``{"extended_pan_id": hex, "devices": [{"device_id": hex, "hashed_tc_link_key":
    hex}]}``;
    * ``gpf_log_backup`` (Alert 8071): ``{"devices": [{"device_id": hex, "type": number}]}``.
    """

    topic: ClassVar[Topic] = INVENTORY_OUTCOMES

    device: str
    srv: str | None = None
    use_case: str | None = None
    request_id: str | None = None
    user: str | None = None
    success: bool
    local: bool = False
    asked: bool = False
    alert_code: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.device
