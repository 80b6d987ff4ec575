"""The quick form of a Device Certificate's fact is the contract's own, octet for octet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dccemu_contracts.smki import CertificateFact
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage
from dccemu_protocol.pki.profiles import NEVER_EXPIRES
from dccemu_smki.adapters.certificate_rows import certificate_fact
from dccemu_smki.adapters.device_facts import DeviceFacts
from dccemu_smki.domain.lifecycle import Status
from dccemu_smki.domain.records import CertificateRecord, DeviceLot, DeviceMade


@pytest.mark.parametrize("issuer", ["CN=EMDE", 'CN=a"b\\,c'])
@pytest.mark.parametrize("at", [datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2026, 3, 2, 9, 30, 1, 5000, UTC)])
def test_the_quick_form_equals_the_contract(issuer: str, at: datetime) -> None:
    record = CertificateRecord(
        issuer=issuer,
        serial=0x0F << 120,
        kind=Kind.DEVICE,
        eui=Eui64.parse("00-DB-12-34-56-78-90-A4"),
        role=None,
        usage=Usage.KEY_AGREEMENT,
        status=Status.PENDING,
        ski=b"\x41" * 8,
        der=b"\x30\x82",
        not_after=NEVER_EXPIRES,
        issued_at=at,
        party="P",
        hierarchy="live",
        version=7,
    )
    fact = certificate_fact(record, at)
    lot = DeviceLot(issuer, Status.PENDING, at, "P", "live")
    made = DeviceMade(
        record.serial.to_bytes(16, "big"),
        Eui64.parse(str(record.eui)).octets,
        record.usage,
        record.ski,
        7,
        record.der,
        b"",
    )

    identity, key, octets = DeviceFacts(lot, at).fact(made)

    assert (identity, key) == (fact.id, fact.key)
    assert octets == fact.to_bytes()
    assert CertificateFact.from_bytes(octets) == fact
