"""Certificates for Devices: their own asked of the SMKI, those of remote parties put into their cells.

A Device leaves the factory with keys but without certificates, and with cells that name parties. Both are filled from
the certificates that the SMKI publishes, once: later changes come to a Device by Commands only. A certificate makes
only those Devices be looked at that may wait for it: many thousands may wait at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

import structlog

from dccemu_contracts.smki import CertificateFact, CertificateRequest
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.respond import Draft
from dccemu_protocol.gbcs.respond.keys import USAGES, own_key
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki.certificate import SmkiCertificate, parse
from dccemu_protocol.pki.csr import build_device_csr
from dccemu_protocol.pki.keyid import key_identifier, public_point
from dccemu_protocol.pki.names import Usage
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.projections import Projection

from ..domain.device import SimulatedDevice
from ..domain.seeding import hyphened, plain
from .fleet import Fleet

log = structlog.get_logger(__name__)
_IN_USE = ("I", "N", "P")
_AT_ONCE = 200


class Enrolment:
    """A component that keeps Devices enrolled.

    Parameters
    ----------
    needed
        EUI-64s (hexadecimal) of the Devices without which the service is not ready: those of the scenario. Others come
        when the inventory tells of them, and enrol while the service works.
    """

    def __init__(self, fleet: Fleet, certificates: Projection[CertificateFact], needed: Collection[str] = ()) -> None:
        self._fleet = fleet
        self._certificates = certificates
        self._needed = set(needed)
        self._by_holder: dict[tuple[str, str], list[str]] = {}
        self._authorities: list[SmkiCertificate] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._waiting: set[str] = set()
        self._due: set[str] = set()
        certificates.on_change(self._learn)

    async def start(self) -> None:
        """Ask for what is missing, then fill in what is published."""
        self._waiting = {device.facts.eui for device in self._fleet if _is_incomplete(device)}
        self._due = set(self._waiting)
        await self.request(self._fleet)
        self._task = asyncio.create_task(self._run(), name="sm-wan enrolment")
        self._wake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def unmet(self) -> str | None:
        """What is missing before Devices can work."""
        found = {eui: device for eui in self._needed if (device := self._fleet.find(eui)) is not None}
        missing = {eui for eui, device in found.items() if _is_unable(device)}
        self._needed -= found.keys() - missing
        if not missing:
            return None
        return f"{len(missing)} Devices wait for certificates, {hyphened(min(missing))} among them"

    async def request(self, devices: Iterable[SimulatedDevice]) -> None:
        """Ask the SMKI for the certificates that Devices do not have."""
        now = self._fleet.clock.now()
        requests = [request for device in devices for request in _requests(device, now)]
        if requests:
            writes = [self._fleet.outbox.write(request) for request in requests]
            await self._fleet.database.group.commit(Unit(writes=writes))

    def add(self, device: SimulatedDevice) -> None:
        """A new Device wants certificates."""
        self._waiting.add(device.facts.eui)
        self._due.add(device.facts.eui)
        self._wake.set()

    def _learn(self, _: CertificateFact | None, fact: CertificateFact) -> None:
        if fact.kind in ("root", "issuing"):
            try:
                self._authorities.append(parse(bytes.fromhex(fact.der)))
            except ProtocolError:
                log.warning("an authority's certificate cannot be read", serial=fact.serial)
            self._due |= self._waiting
        elif fact.eui is not None:
            holder = plain(fact.eui)
            entries = self._by_holder.setdefault((holder, fact.usage), [])
            entries[:] = [entry for entry in entries if entry != fact.key] + [fact.key]
            if fact.kind != "device":
                self._due |= self._waiting
            elif holder in self._waiting:
                self._due.add(holder)
        if self._due:
            self._wake.set()

    def _of(self, holder: str, usage: str) -> Iterator[CertificateFact]:
        """The certificates of a holder, in the order in which they were published."""
        for key in self._by_holder.get((holder, usage), ()):
            fact = self._certificates.get(key)
            if fact is not None:
                yield fact

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._fill_all()
            except Exception:
                log.exception("enrolment failed")
                await asyncio.sleep(0.5)
                self._wake.set()

    async def _fill_all(self) -> None:
        while due := list(islice(self._due, _AT_ONCE)):
            self._due.difference_update(due)
            try:
                await asyncio.gather(*(self._fill(eui) for eui in due))
            except Exception:
                self._due.update(due)
                raise

    async def _fill(self, eui: str) -> None:
        device = self._fleet.find(eui)
        if device is None:
            self._waiting.discard(eui)
            return
        async with self._fleet.working(eui):
            draft = device.draft()
            self._own_certificates(device, draft)
            self._cells(draft)
            if draft.changes:
                await self._fleet.commit(device, draft, [])
        if not _is_incomplete(device):
            self._waiting.discard(eui)

    def _own_certificates(self, device: SimulatedDevice, draft: Draft) -> None:
        for usage in USAGES:
            if draft.octets(f"certificate/{usage}") is not None:
                continue
            point = public_point(own_key(draft, usage).public_key())
            for fact in self._of(device.facts.eui, usage):
                if fact.kind == "device" and fact.ski.lower() == key_identifier(point).hex():
                    draft.put(f"certificate/{usage}", fact.der)

    def _cells(self, draft: Draft) -> None:
        root = ""
        for name in draft.names("cell/"):
            cell = draft.record(name)
            _, role, usage, cell_usage = name.split("/")
            if cell.get("der") or role == "0":
                continue
            fact = self._holder(str(cell["eui"]), int(role), usage, top_up=cell_usage == "1")
            if fact is not None:
                draft.put(name, {**cell, "der": fact.der, "ski": fact.ski.lower()})
                root = root or self._root_of(fact)
        root_cell = draft.record("cell/0/keyCertSign/0")
        if root and root_cell and not root_cell.get("der"):
            draft.put("cell/0/keyCertSign/0", {**root_cell, "der": root})

    def _holder(self, eui: str, role: int, usage: str, *, top_up: bool) -> CertificateFact | None:
        """The certificate in use of the cell's party: in the cell's role, else the broker's (a DCC controlled cell).

        A Supplier's may stand in the network operator's cells until it has replaced it (inventory.md section 5).
        """
        allowed = (role, 4, 2) if role == 3 else (role, 4)
        found = [
            fact
            for fact in self._of(eui, usage)
            if fact.kind == "organisation" and fact.top_up == top_up and fact.status in _IN_USE
        ]
        ranked = sorted(
            (fact for fact in found if fact.role in allowed),
            key=lambda fact: (fact.role != role, _IN_USE.index(fact.status), -fact.version),
        )
        return ranked[0] if ranked else None

    def _root_of(self, fact: CertificateFact) -> str:
        """The root above a certificate, hexadecimal; empty where the chain does not lead to one."""
        certificate = parse(bytes.fromhex(fact.der))
        for _ in range(3):
            issuer = next((one for one in self._authorities if one.subject == certificate.issuer), None)
            if issuer is None or issuer.der == certificate.der:
                return ""
            if issuer.subject == issuer.issuer:
                return issuer.der.hex()
            certificate = issuer
        return ""


def _requests(device: SimulatedDevice, now: datetime) -> Iterable[CertificateRequest]:
    draft = device.draft()
    eui = device.facts.eui
    for usage in USAGES:
        if draft.octets(f"certificate/{usage}") is not None:
            continue
        key = own_key(draft, usage)
        csr = build_device_csr(key, Eui64(device.facts.octets), Usage(usage))
        identity = f"sm-wan {eui} {key_identifier(public_point(key.public_key())).hex()}"
        yield CertificateRequest(id=identity, at=now, requester="sm-wan", kind="device", csr=csr.hex())


def _is_incomplete(device: SimulatedDevice) -> bool:
    """Whether a certificate of its own or of a cell with a party is missing."""
    draft = device.draft()
    if any(draft.octets(f"certificate/{usage}") is None for usage in USAGES):
        return True
    return any(not draft.record(name).get("der") for name in draft.names("cell/"))


def _is_unable(device: SimulatedDevice) -> bool:
    """Whether the Device cannot take or answer any Command yet."""
    draft = device.draft()
    if any(draft.octets(f"certificate/{usage}") is None for usage in USAGES):
        return True
    return not draft.record("cell/4/keyAgreement/0").get("der")
