"""The directory: facts of inventory and SMKI in memory, indexed as the checks ask for them.

Projections keep the facts durable and current; their changes flow in through ``learn_*``. Whatever is computed from
facts (who is entitled, what a Device looks like to the transformation) is cached until a fact changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from dccemu_contracts import entitlement
from dccemu_contracts.consent import ConsentFact, ConsentIndex
from dccemu_contracts.device_index import DeviceIndex, InventoryKey
from dccemu_contracts.inventory import DeviceFact, PartyFact, ProductFact, RegistrationFact, UserFact
from dccemu_contracts.shelf import Shelf
from dccemu_contracts.smki import CertificateFact, RevocationFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, TrustStore, Usage, check_path, parse, parse_serial
from dccemu_protocol.xmldsig import name_key

from ..domain.directory import User
from ..domain.firmware import OpenDistributions

log = structlog.get_logger(__name__)

_CACHED = 200_000


@dataclass(frozen=True, slots=True)
class _Held:
    """A certificate of the repository with what its fact says beyond it."""

    certificate: SmkiCertificate
    status: str
    top_up: bool
    version: int


class FactsDirectory:
    """Implements the domain's ``Directory``; ``devices`` and ``registrations`` are filled by their projections."""

    def __init__(self) -> None:
        self.devices = Shelf(DeviceFact)
        self.registrations = Shelf(RegistrationFact)
        self.index = DeviceIndex(self.devices, self.registrations)
        self.store = TrustStore()
        self.open_distributions: OpenDistributions = {}
        self._products: dict[str, dict[str, ProductFact]] = {}
        self._consents = ConsentIndex()
        self._users: dict[str, User] = {}
        self._users_of: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[tuple[object, int], _Held] = {}
        self._by_owner: dict[tuple[str, str], list[_Held]] = {}
        self._days = entitlement.UkDays()
        self._entitled: dict[tuple[str, tuple[str, ...], str, tuple[str, ...], date], str | None] = {}

    # -- facts flow in ---------------------------------------------------------------------------------------------

    def learn_device(self, old: DeviceFact | None, fact: DeviceFact) -> None:
        """Take a Device's record."""
        self.index.learn(old, fact)
        self._entitled.clear()

    def learn_registration(self, _old: RegistrationFact | None, _fact: RegistrationFact) -> None:
        """Take a meter point's registrations."""
        self._entitled.clear()

    def learn_party(self, _old: PartyFact | None, fact: PartyFact) -> None:
        """Take a Party with its Users."""
        for eui in self._users_of.pop(fact.party, ()):
            self._users.pop(eui, None)
        if fact.removed:
            return
        self._users_of[fact.party] = tuple(user.user for user in fact.users)
        for user in fact.users:
            self._users[user.user] = _user(fact.party, user)

    def learn_product(self, _old: ProductFact | None, fact: ProductFact) -> None:
        """Take an entry of the Certified Products List."""
        entries = self._products.setdefault(fact.firmware_version, {})
        if fact.removed:
            entries.pop(fact.key, None)
        else:
            entries[fact.key] = fact

    def learn_consent(self, _old: ConsentFact | None, fact: ConsentFact) -> None:
        """Take a consent of an Energy Consumer."""
        self._consents.put(fact)

    def learn_certificate(self, _old: CertificateFact | None, fact: CertificateFact) -> None:
        """Take a certificate of the repository."""
        try:
            certificate = parse(bytes.fromhex(fact.der))
        except (ProtocolError, ValueError) as error:
            log.warning("certificate ignored", serial=fact.serial, error=str(error))
            return
        self.store.learn(certificate, pinned=fact.pinned, dated=fact.dated)
        held = _Held(certificate, fact.status, fact.top_up, fact.version)
        self._by_name[name_key(certificate.issuer), certificate.serial] = held
        if certificate.eui is not None:
            owned = self._by_owner.setdefault((str(certificate.eui), certificate.usage.value), [])
            owned[:] = [other for other in owned if other.certificate != certificate]
            owned.append(held)
            owned.sort(key=lambda other: other.version, reverse=True)

    def learn_revocation(self, _old: RevocationFact | None, fact: RevocationFact) -> None:
        """Take an entry of the CRL or ARL."""
        self.store.revoke(fact.issuer, parse_serial(fact.serial), fact.reason)

    # -- the domain asks -------------------------------------------------------------------------------------------

    def user(self, eui: str) -> User | None:
        return self._users.get(eui)

    def users(self) -> Collection[User]:
        """All Users."""
        return self._users.values()

    def device(self, eui: str) -> DeviceFact | None:
        return self.index.device(eui)

    def on_hub(self, hub: str) -> Iterable[DeviceFact]:
        return self.index.on_hub(hub)

    def registration(self, mpxn: str) -> RegistrationFact | None:
        return self.index.registration(mpxn)

    def entitled_role(
        self, user: str, roles: tuple[str, ...], device: DeviceFact, at: datetime, mpxns: tuple[str, ...] = ()
    ) -> str | None:
        # Registrations change at the beginning of a UK day at the earliest, so a day is what an answer holds for.
        key = (user, roles, device.device, mpxns, self._days.date_of(at))
        if key in self._entitled:
            return self._entitled[key]
        role = entitlement.entitled_role(user, roles, device, self.index, at, mpxns=mpxns)
        if len(self._entitled) >= _CACHED:
            self._entitled.clear()
        self._entitled[key] = role
        return role

    def entitled_throughout(
        self, user: str, roles: tuple[str, ...], device: DeviceFact, start: datetime, end: datetime
    ) -> bool:
        return entitlement.entitled_throughout(user, roles, device, self.index, start, end)

    def products(self, firmware_version: str) -> Sequence[ProductFact]:
        return list(self._products.get(firmware_version, {}).values())

    def consent(self, user: str, srv: str, device: DeviceFact, at: datetime) -> str | None:
        found = self._consents.find(user, srv, device, self.index, at)
        return None if found is None else found.consent

    def read_inventory(self, key: InventoryKey) -> tuple[DeviceFact, ...]:
        return self.index.read(key)

    def signer(self, issuer: str, serial: int) -> SmkiCertificate | None:
        held = self._by_name.get((name_key(issuer), serial))
        return None if held is None or held.status == "P" else held.certificate

    def certificates(self, eui: str, usage: str) -> Sequence[SmkiCertificate]:
        return [held.certificate for held in self._by_owner.get((eui, usage), ()) if held.status != "P"]

    def in_use(self, eui: str, usage: str, *, role: int | None = None, top_up: bool = False) -> SmkiCertificate | None:
        """The certificate of an owner that is in use: status I, newest, ordinary or top-up."""
        for held in self._by_owner.get((eui, usage), ()):
            if held.status == "I" and held.top_up is top_up and role in (None, held.certificate.role):
                return held.certificate
        return None

    def with_key(self, point: bytes, eui: str, usage: str) -> SmkiCertificate | None:
        """The certificate in use of an owner that carries this public key."""
        for held in self._by_owner.get((eui, usage), ()):
            if held.status == "I" and held.certificate.point == point:
                return held.certificate
        return None

    def rely_on(
        self,
        certificate: SmkiCertificate,
        at: datetime,
        *,
        roles: Collection[int] | None = None,
        usage: Usage | None = None,
        owner: Eui64 | None = None,
    ) -> None:
        check_path(certificate, self.store, at, roles=roles, usage=usage, owner=owner)


def _user(party: str, fact: UserFact) -> User:
    return User(
        eui=fact.user,
        party=party,
        roles=fact.roles,
        remote_party_role=fact.remote_party_role,
        receive_url=fact.receive_url,
        suspended_services=fact.suspended_services,
        is_gateway_user=fact.is_gateway_user,
    )
