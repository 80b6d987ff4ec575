"""Making certificates: what was asked for, checked by others before, becomes DER and a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.pki import (
    DEVICE_POLICY,
    ORGANISATION_POLICY,
    TEST_POLICY,
    Kind,
    Signer,
    Usage,
    assemble,
    draw_serial,
    key_identifier,
    profiles,
)
from dccemu_protocol.pki.csr import SigningRequest
from dccemu_protocol.pki.device_form import DeviceForm, device_form

from ..adapters.device_rows import DeviceRows
from ..domain.lifecycle import Status
from ..domain.records import Authority, CertificateRecord, DeviceLot, DeviceMade, DeviceWish, OpenItems
from .context import LIVE, TEST, Smki


@dataclass(frozen=True, slots=True)
class Wanted:
    """One certificate to make."""

    request: SigningRequest
    party: str | None = None
    top_up: bool = False
    manufacturing: bool = False


async def issue(
    smki: Smki, connection: PoolConnectionProxy, wanted: Sequence[Wanted], hierarchy: str = LIVE
) -> list[CertificateRecord]:
    """Make, lodge and publish certificates in the transaction of ``connection``; keys are claimed by the caller."""
    records = await make(smki, connection, wanted, hierarchy)
    await smki.store.add(connection, records)
    await smki.publish(connection, *records)
    return records


async def make(
    smki: Smki, connection: PoolConnectionProxy, wanted: Sequence[Wanted], hierarchy: str = LIVE
) -> list[CertificateRecord]:
    """Make certificates without lodging them."""
    versions = await smki.store.versions(connection, len(wanted))
    at = smki.now()
    status = Status.PENDING if smki.settings.acceptance_window else Status.IN_USE
    records = []
    press: dict[Kind, Press] = {}
    for one, version in zip(wanted, versions, strict=True):
        kind = one.request.kind
        if kind not in press:
            press[kind] = await open_press(smki, kind, hierarchy, at, status)
        serial = draw_serial(smki.entropy.stream(f"serial {one.request.point.hex()} {at}").octets)
        records.append(press[kind].strike(one, serial, version))
    if status is Status.PENDING:
        for record in records:
            await smki.timers.set(
                connection,
                "acceptance",
                f"{record.issuer}|{record.serial_hex}",
                at + smki.settings.acceptance_window,
            )
    return records


async def open_press(smki: Smki, kind: Kind, hierarchy: str, at: datetime, status: Status) -> Press:
    """All that the certificates of one kind, made now, have in common."""
    authority = smki.authority("issuing-dca" if kind is Kind.DEVICE else "issuing-oca", hierarchy)
    policy = DEVICE_POLICY if kind is Kind.DEVICE else ORGANISATION_POLICY
    return Press(
        authority, await smki.sign_of(authority), TEST_POLICY if hierarchy == TEST else policy, hierarchy, at, status
    )


@dataclass(frozen=True, slots=True)
class Press:
    """Strikes certificates of one issuer. Works in any thread: nothing in it waits."""

    authority: Authority
    sign: Signer
    policy: str
    hierarchy: str
    at: datetime
    status: Status
    forms: dict[tuple[Usage, str], DeviceForm] = field(default_factory=dict, compare=False, repr=False)

    def strike(self, wanted: Wanted, serial: int, version: int) -> CertificateRecord:
        """One certificate."""
        request = wanted.request
        if request.kind is Kind.DEVICE:
            wish = DeviceWish(request.eui, request.usage, request.point, request.hardware_type or "")
            return self.strike_device(wish, wanted.party, serial, version, manufacturing=wanted.manufacturing)
        issuer = self.authority.certificate
        content = profiles.organisation_content(
            issuer=issuer,
            eui=request.eui,
            role=request.role or 0,
            usage=request.usage,
            key=request.public_key,
            serial=serial,
            start=self.at,
            common_name=request.common_name,
            policy=self.policy,
        )
        return CertificateRecord(
            issuer=issuer.subject,
            serial=serial,
            kind=request.kind,
            eui=request.eui,
            role=request.role,
            usage=request.usage,
            status=self.status,
            ski=key_identifier(request.point),
            der=assemble(content, self.sign(content)),
            not_after=profiles.validity(self.at, profiles.ORGANISATION_YEARS)[1],
            issued_at=self.at,
            party=wanted.party,
            hierarchy=self.hierarchy,
            version=version,
            top_up=wanted.top_up,
            manufacturing=wanted.manufacturing,
        )

    def strike_device(
        self, wish: DeviceWish, party: str | None, serial: int, version: int, *, manufacturing: bool
    ) -> CertificateRecord:
        """One Device Certificate. All that are made on one day share a form."""
        content = self._form(wish.usage, wish.hardware_type).fill(serial, wish.point, wish.eui)
        return CertificateRecord(
            issuer=self.authority.certificate.subject,
            serial=serial,
            kind=Kind.DEVICE,
            eui=wish.eui,
            role=None,
            usage=wish.usage,
            status=self.status,
            ski=key_identifier(wish.point),
            der=assemble(content, self.sign(content)),
            not_after=profiles.NEVER_EXPIRES,
            issued_at=self.at,
            party=party,
            hierarchy=self.hierarchy,
            version=version,
            manufacturing=manufacturing,
        )

    def lot(self, party: str) -> DeviceLot:
        """What the Device Certificates for a Party have in common."""
        return DeviceLot(self.authority.certificate.subject, self.status, self.at, party, self.hierarchy)

    def make(
        self, rows: DeviceRows, items: OpenItems, serials: Sequence[bytes], versions: Sequence[int]
    ) -> list[DeviceMade]:
        """Device Certificates of a lot with their rows, one for each item."""
        sign, row = self.sign, rows.row
        forms: dict[tuple[str, str], DeviceForm] = {}
        columns = (items.devices, items.usages, items.points, items.hardware_types, serials, versions)
        made = []
        for eui, usage, point, hardware_type, serial, version in zip(*columns, strict=True):
            form = forms.get((usage, hardware_type))
            if form is None:
                form = forms[usage, hardware_type] = self._form(Usage(usage), hardware_type)
            ski = key_identifier(point)
            content = form.filled(serial, point, ski, eui)
            der = assemble(content, sign(content))
            made.append(DeviceMade(serial, eui, usage, ski, version, der, row(usage, serial, eui, ski, version, der)))
        return made

    def _form(self, usage: Usage, hardware_type: str) -> DeviceForm:
        found = self.forms.get((usage, hardware_type))
        if found is None:
            start = self.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            found = device_form(self.authority.certificate, usage, start, hardware_type, self.policy)
            self.forms[usage, hardware_type] = found
        return found
