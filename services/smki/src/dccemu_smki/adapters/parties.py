"""The record of Parties, Devices and registrations, projected from the inventory's facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dccemu_contracts.device_index import DeviceIndex
from dccemu_contracts.entitlement import responsible_suppliers
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_contracts.shelf import Shelf
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.clock import Clock

from ..domain.eligibility import DCC, Applicant, DeviceRecord

_GONE = frozenset({"Withdrawn"})


class Parties:
    """Answers who a Party is and what a Device is, from memory; projections fill ``records`` and ``registrations``.

    Parameters
    ----------
    dcc
        The DCC's own EUI-64 identifiers with their Remote Party Roles.
    """

    def __init__(self, clock: Clock, dcc: Mapping[str, int | None]) -> None:
        self._clock = clock
        self._dcc = Applicant(DCC, {eui: frozenset() for eui in dcc}, dict(dcc))
        self._parties: dict[str, Applicant] = {}
        self._owners: dict[str, str] = dict.fromkeys(dcc, DCC)
        self.records = Shelf(DeviceFact)
        self.registrations = Shelf(RegistrationFact)
        self._index = DeviceIndex(self.records, self.registrations)

    def learn_party(self, _old: PartyFact | None, fact: PartyFact) -> None:
        """Take in a fact of the inventory."""
        before = self._parties.pop(fact.party, None)
        for eui in before.user_roles if before else ():
            self._owners.pop(eui, None)
        if fact.removed:
            return
        roles = {
            user.user: frozenset(role for role, status in user.roles.items() if status not in _GONE)
            for user in fact.users
        }
        self._parties[fact.party] = Applicant(
            fact.party, roles, {user.user: user.remote_party_role for user in fact.users}
        )
        self._owners.update(dict.fromkeys(roles, fact.party))

    def learn_device(self, old: DeviceFact | None, fact: DeviceFact) -> None:
        """Take in a fact of the inventory."""
        self._index.learn(old, fact)

    def applicant(self, party: str) -> Applicant | None:
        """The Party of this Party ID."""
        return self._dcc if party == DCC else self._parties.get(party)

    def owner(self, eui: Eui64) -> str | None:
        """The Party that an EUI-64 belongs to."""
        return self._owners.get(str(eui))

    def devices(self) -> Iterable[DeviceFact]:
        """Every record of the inventory."""
        return self._index.devices()

    def hub(self, device: str) -> str | None:
        """The Communications Hub that serves a Device; None for a hub, or where the inventory names none."""
        fact = self._index.device(device)
        return None if fact is None else fact.hub

    def device(self, eui: Eui64) -> DeviceRecord | None:
        """What the inventory says of a Device; None when it has no such Device."""
        fact = self._index.device(str(eui))
        if fact is None:
            return None
        return DeviceRecord(fact.type, fact.status, responsible_suppliers(fact, self._index, self._clock.now()))
