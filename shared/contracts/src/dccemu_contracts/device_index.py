"""An index over the inventory's facts in memory: what a projection keeps to answer 8.2 and the rules of entitlement.

Read Inventory (8.2) answers the Devices found and all that hang on the same Communications Hub Function, at most 17
(inventory.md sections 1 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from dccemu_protocol.errors import ProtocolError

from .inventory import DeviceFact, RegistrationFact

READ_INVENTORY_LIMIT = 17
_ORDER: Mapping[str, int] = {
    name: place for place, name in enumerate(("CHF", "GPF", "ESME", "GSME", "HCALCS", "PPMID", "SAPC", "IHD", "CAD"))
}
_KINDS = ("mpxn", "meter", "hub", "uprn", "address")


@dataclass(frozen=True, slots=True)
class InventoryKey:
    """The one search key of ReadInventory: exactly one field is given, postcode and address together count as one."""

    device: str | None = None
    mpxn: str | None = None
    uprn: str | None = None
    post_code: str | None = None
    address_identifier: str | None = None


def normal_post_code(text: str) -> str:
    """Postcodes compare without spaces, in upper case."""
    return text.replace(" ", "").upper()


class DeviceIndex:
    """Devices by identifier, hub, MPxN, UPRN and address; registrations by MPxN. Satisfies ``entitlement.Records``.

    Parameters
    ----------
    devices, registrations
        Where the facts lie. A projection that shares its shelves with the index fills them and calls ``learn``; an
        index of one's own is filled by ``put`` and ``put_registration``.
    """

    def __init__(
        self,
        devices: MutableMapping[str, DeviceFact] | None = None,
        registrations: MutableMapping[str, RegistrationFact] | None = None,
    ) -> None:
        self._devices = {} if devices is None else devices
        self._registrations = {} if registrations is None else registrations
        # By kind of term: most terms have one Device, which then stands for the collection.
        self._by: dict[str, dict[str, str | dict[str, None]]] = {kind: {} for kind in _KINDS}

    def __len__(self) -> int:
        return len(self._devices)

    def put(self, fact: DeviceFact) -> None:
        """Take in a fact; an older version than the one held is ignored, a tombstone removes."""
        before = self._devices.get(fact.device)
        if before is not None and before.version > fact.version:
            return
        if fact.removed:
            self._devices.pop(fact.device, None)
        else:
            self._devices[fact.device] = fact
        self.learn(before, fact)

    def learn(self, old: DeviceFact | None, new: DeviceFact) -> None:
        """Find a Device by what ``new`` says of it, no more by what ``old`` said."""
        before = () if old is None else _terms(old)
        after = () if new.removed else _terms(new)
        if before == after:
            return
        for kind, value in before:
            self._drop(kind, value, new.device)
        for kind, value in after:
            self._add(kind, value, new.device)

    def put_registration(self, fact: RegistrationFact) -> None:
        """Take in a registration fact."""
        before = self._registrations.get(fact.mpxn)
        if before is not None and before.version > fact.version:
            return
        if fact.removed:
            self._registrations.pop(fact.mpxn, None)
        else:
            self._registrations[fact.mpxn] = fact

    def clear(self) -> None:
        """Forget everything (reset)."""
        self._devices.clear()
        self._registrations.clear()
        for there in self._by.values():
            there.clear()

    def _add(self, kind: str, value: str, device: str) -> None:
        there = self._by[kind]
        found = there.setdefault(value, device)
        if isinstance(found, dict):
            found[device] = None
        elif found != device:
            there[value] = {found: None, device: None}

    def _drop(self, kind: str, value: str, device: str) -> None:
        there = self._by[kind]
        found = there.get(value)
        if isinstance(found, dict):
            found.pop(device, None)
            if not found:
                del there[value]
        elif found == device:
            del there[value]

    def _with(self, kind: str, value: str) -> list[DeviceFact]:
        found = self._by[kind].get(value, ())
        return [self._devices[eui] for eui in ((found,) if isinstance(found, str) else found)]

    def device(self, eui: str) -> DeviceFact | None:
        return self._devices.get(eui)

    def registration(self, mpxn: str) -> RegistrationFact | None:
        return self._registrations.get(mpxn)

    def on_hub(self, hub: str) -> Iterable[DeviceFact]:
        """List the Devices associated with a hub, without the hub itself."""
        return self._with("hub", hub)

    def joined_to(self, meter: str) -> Iterable[DeviceFact]:
        """List the Devices joined to a meter or Gas Proxy Function."""
        return self._with("meter", meter)

    def at_mpxn(self, mpxn: str) -> Iterable[DeviceFact]:
        """List the Devices associated with a meter point."""
        return self._with("mpxn", mpxn)

    def devices(self) -> Iterable[DeviceFact]:
        return self._devices.values()

    def read(self, key: InventoryKey) -> tuple[DeviceFact, ...]:
        """Answer Read Inventory.

        Raises
        ------
        ProtocolError
            ``INVENTORY_NOTHING_FOUND`` or ``INVENTORY_TOO_MANY`` (more than 17 Devices).
        """
        found = self._find(key)
        if not found:
            raise ProtocolError("INVENTORY_NOTHING_FOUND", "no Device in the inventory fits", source="inventory.md 4")
        whole: dict[str, DeviceFact] = {}
        for fact in found:
            for relative in self._system(fact):
                whole[relative.device] = relative
            if len(whole) > READ_INVENTORY_LIMIT:
                detail = f"more than {READ_INVENTORY_LIMIT} Devices fit: narrow the search"
                raise ProtocolError("INVENTORY_TOO_MANY", detail, source="inventory.md 1")
        return tuple(sorted(whole.values(), key=lambda fact: (_ORDER[fact.type], fact.device)))

    def _find(self, key: InventoryKey) -> list[DeviceFact]:
        if key.device is not None:
            fact = self._devices.get(key.device)
            return [fact] if fact else []
        if key.mpxn is not None:
            return self._with("mpxn", key.mpxn)
        if key.uprn is not None:
            return self._with("uprn", key.uprn)
        if key.post_code is None:
            return []
        return self._with("address", _address(key.post_code, key.address_identifier))

    def _system(self, fact: DeviceFact) -> list[DeviceFact]:
        hub = fact if fact.type == "CHF" else self._devices.get(fact.hub or "")
        if hub is None:
            return [fact]
        return [hub, *self.on_hub(hub.device)]


def _terms(fact: DeviceFact) -> tuple[tuple[str, str], ...]:
    terms = [("mpxn", mpxn) for mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan) if mpxn]
    terms += [("meter", meter) for meter in fact.meters]
    if fact.hub:
        terms.append(("hub", fact.hub))
    if fact.uprn:
        terms.append(("uprn", fact.uprn))
    if fact.post_code:
        terms.append(("address", _address(fact.post_code, fact.address_identifier)))
    return tuple(terms)


def _address(post_code: str, identifier: str | None) -> str:
    """One text for both: a postcode of very many Devices is not searched through."""
    return f"{normal_post_code(post_code)}\n{(identifier or '').casefold()}"
