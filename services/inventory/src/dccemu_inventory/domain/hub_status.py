"""8.14.1 to 8.14.4: what an installer reports about a Communications Hub (inventory.md sections 6.1 and 10)."""

from __future__ import annotations

from collections.abc import Mapping

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError

from .bodies import Content
from .ledger import Ledger
from .transitions import Event

_SOURCE = "inventory.md 10"

RETURN_CATEGORIES: Mapping[str, str] = {
    "Fault identified prior to installation": "7",
    "Fault identified post installation": "4",
    "No Fault Return (general)": "3b",
    "No Fault Return (non-dom opt out)": "1",
    "No Fault Return (dual supplier HAN variant replacement)": "2",
    "No Fault Return (SM WAN variant replacement requested by DCC)": "4",
    "Lost or Stolen Hub": "3a",
}
"""Return category of communications-hubs.md section 6.1 by what the message says."""

DAMAGE = frozenset(
    {
        "Damaged case",
        "Damaged Connector",
        "Illegal interference or missing seals",
        "Environmental conditions exceeded",
    }
)
"""Fault reasons that point to the Supplier's responsibility (category 3) after diagnosis."""


def _hub(ledger: Ledger, body: Content) -> DeviceFact:
    hub = ledger.require(body.device(), "HUB_UNKNOWN")
    if hub.type != "CHF":
        raise ProtocolError("HUB_UNKNOWN", f"{hub.device} is a {hub.type}, not a CHF", source=_SOURCE)
    return hub


def report_installation(ledger: Ledger, body: Content, *, without_wan: bool) -> str | None:
    """8.14.1, 8.14.2: a hub was installed. Gives the name of a warning, or None.

    Raises
    ------
    ProtocolError
        ``HUB_UNKNOWN``, ``HUB_STATUS`` or ``HUB_MPXN``.
    """
    hub = _hub(ledger, body)
    if hub.status not in ("Pending", "InstalledNotCommissioned", "Commissioned"):
        raise ProtocolError("HUB_STATUS", f"{hub.device} is {hub.status}", source=_SOURCE)
    point = ledger.index.registration(body.text("MPxN"))
    if point is None:
        raise ProtocolError("HUB_MPXN", f"{body.text('MPxN')} is not in registration data", source=_SOURCE)
    warning = None
    if hub.installation and hub.installation.get("CHFLocation") not in (None, body.text("CHFLocation")):
        warning = "HUB_LOCATION_DIFFERS"
    place = {"uprn": point.uprn, "post_code": point.post_code, "address_identifier": point.address_identifier}
    hub = ledger.change(hub, installation=dict(body.values), **{name: value for name, value in place.items() if value})
    if without_wan:
        install_without_wan(ledger, hub)
    return warning


def install_without_wan(ledger: Ledger, hub: DeviceFact) -> None:
    """Row 4: the hub is in place though the SM WAN has not been seen; its Gas Proxy Function as well."""
    hub = ledger.move(hub, Event.INSTALLED_WITHOUT_WAN)
    put_gpf_in_place(ledger, hub)


def put_gpf_in_place(ledger: Ledger, hub: DeviceFact) -> None:
    """Row 6: the Gas Proxy Function follows its hub."""
    gpf = ledger.index.device(hub.gpf or "")
    if gpf is not None and gpf.status == "Pending":
        ledger.move(gpf, Event.HUB_IN_PLACE)


def report_return(ledger: Ledger, body: Content, *, fault: bool) -> None:
    """8.14.3, 8.14.4: a hub goes back (or is lost); kept with the return category that the message points to.

    Raises
    ------
    ProtocolError
        ``HUB_UNKNOWN`` or ``HUB_OTHER_DEVICE``.
    """
    hub = _hub(ledger, body)
    other = body.optional("OtherDeviceID")
    if other is not None and ledger.index.device(other.upper()) is None:
        raise ProtocolError("HUB_OTHER_DEVICE", f"{other.upper()} is not in the inventory", source=_SOURCE)
    kind = body.text("CHFFaultReturnType" if fault else "CHFNoFaultReturnType")
    category = RETURN_CATEGORIES.get(kind)
    if body.optional("CHFFaultReason") in DAMAGE:
        category = "3"
    returned = {**body.values, "category": category, "reported_at": ledger.now.isoformat()}
    ledger.change(hub, returned=returned)
