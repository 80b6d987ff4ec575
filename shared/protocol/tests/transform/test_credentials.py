"""Credentials and joins (gbcs.md section 8)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import der
from dccemu_protocol.gbcs.der_types import (
    JoinDevice,
    KeyUsage,
    PrepaymentFloor,
    RoleFloor,
    TrustAnchorCell,
    UpdateSecurityCredentials,
)
from dccemu_protocol.gbcs.transform import change_of_supplier
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki.keystore import load
from dccemu_protocol.pki.names import Usage

COS_PARTY = Eui64.parse("90-B3-D5-1F-30-00-00-04")
SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")


@pytest.fixture(scope="session")
def certificate(vectors: Path) -> str:
    """The base64 of some Organisation Certificate."""
    found = load(vectors / "keystore.json").certificate(SUPPLIER, Usage.DIGITAL_SIGNATURE)
    assert found is not None
    return base64.b64encode(found.der).decode()


def credentials(role: str, certificate: str, floors: str = "", checks: str = "true") -> str:
    return (
        f"<RemotePartyRole>{role}</RemotePartyRole>{floors}<ReplacementCertificates>"
        f"<SupplierOrNetworkOperatorCertificates><KeyAgreementTopUpCertificate>{certificate}"
        "</KeyAgreementTopUpCertificate></SupplierOrNetworkOperatorCertificates></ReplacementCertificates>"
        f"<CertificationPathCertificates><Certificate>{certificate}</Certificate></CertificationPathCertificates>"
        f"<ApplyTimeBasedCPVChecks>{checks}</ApplyTimeBasedCPVChecks>"
    )


FLOORS = (
    "<RemotePartyFloorSeqNumber>3</RemotePartyFloorSeqNumber>"
    "<RemotePartyPrepaymentTopUpFloorSeqNumber>4</RemotePartyPrepaymentTopUpFloorSeqNumber>"
)


def test_a_role_that_replaces_its_own_credentials_gives_its_own_floors(bench: Any, certificate: str) -> None:
    found = bench.structure("6.15.1", credentials("Supplier", certificate, FLOORS, "false"))
    assert isinstance(found, UpdateSecurityCredentials)
    control = found.control
    assert (control.mode, control.disapply_time_checks, control.originator_counter) == (2, 1, 1000)
    assert (control.floor, control.prepayment_floors, control.other_floors) == (3, (PrepaymentFloor(0, 4),), None)
    assert found.replacements[0].cell == TrustAnchorCell(2, KeyUsage.KEY_AGREEMENT, 1)


def test_floors_of_another_role_stand_with_that_role(bench: Any, certificate: str) -> None:
    found = bench.structure("6.15.1", credentials("LoadController", certificate, FLOORS))
    assert isinstance(found, UpdateSecurityCredentials)
    assert found.control.floor is None
    assert found.control.other_floors == (RoleFloor(8, 3, (PrepaymentFloor(0, 4),)),)
    assert found.control.disapply_time_checks is None


def test_the_cos_party_puts_a_suppliers_certificates(bench: Any, certificate: str) -> None:
    request = bench.request(
        "6.23",
        "<ExecutionDateTime>3000-12-31T00:00:00Z</ExecutionDateTime><SupplierFloorSeqNumber>9</SupplierFloorSeqNumber>"
        f"<SupplierReplacementCertificates><DigitalSigningCertificate>{certificate}</DigitalSigningCertificate>"
        f"</SupplierReplacementCertificates><CertificationPathCertificates><Certificate>{certificate}</Certificate>"
        "</CertificationPathCertificates><ApplyTimeBasedCPVChecks>true</ApplyTimeBasedCPVChecks>",
    )
    message = change_of_supplier(request, COS_PARTY, 6001, datetime(2026, 1, 1, tzinfo=UTC))
    assert (message.originator, message.counter, message.message_code) == (COS_PARTY, 6001, 0x0107)
    found = der.decode(message.payload, message.message_code, message.cra)
    assert isinstance(found, UpdateSecurityCredentials)
    assert found.control.other_floors == (RoleFloor(2, 9),)
    assert found.execution == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    with pytest.raises(ProtocolError, match="CANNOT_TRANSFORM"):
        change_of_supplier(bench.request("11.2"), COS_PARTY, 1, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("bad", ["AAEC", "no base64!", ""])
def test_what_is_no_certificate_is_refused_with_its_place(bench: Any, bad: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.make("6.15.2", f"<DeviceCertificate>{bad}</DeviceCertificate>")
    assert refusal.value.rule == "BODY_CERTIFICATE"
    assert refusal.value.place == "/Request/Body/UpdateSecurityCredentialsDevice/DeviceCertificate"


def test_an_update_without_certificates_is_refused(bench: Any, certificate: str) -> None:
    body = credentials("Supplier", certificate).replace("KeyAgreementTopUpCertificate", "Nothing")
    with pytest.raises(ProtocolError, match="CREDENTIAL_MISSING"):
        bench.make("6.15.1", body)


OTHER = "<OtherDeviceID>00-DB-12-34-56-78-90-93</OtherDeviceID>"


@pytest.mark.parametrize(
    ("srv", "kind", "other", "method", "number", "signer"),
    [
        ("8.7.1", "ESME", "HCALCS", 0, 4, "user"),
        ("8.7.1", "ESME", "PPMID", 0, 5, "user"),
        ("8.7.1", "HCALCS", "ESME", 1, 1, "user"),
        ("8.7.1", "GSME", "PPMID", 3, 5, "user"),
        ("8.7.2", "PPMID", "ESME", 1, 1, "broker"),
        ("8.7.2", "PPMID", "GSME", 3, 0, "broker"),
        ("8.7.2", "GSME", "GPF", 2, 3, None),
        ("8.7.2", "ESME", "IHD", 2, 6, None),
    ],
)
def test_joins(bench: Any, srv: str, kind: str, other: str, method: int, number: int, signer: str | None) -> None:
    there = bench.of(kind)
    there = there.given(device=there.device, device_type=lambda eui: other, certificate=lambda eui, usage: b"\x30\x00")
    found = there.structure(srv, OTHER)
    assert isinstance(found, JoinDevice)
    assert (found.method, found.device_type) == (method, number)
    assert (found.certificate is not None) == (method == 3)
    assert there.make(srv, OTHER).signer == signer


def test_a_join_with_an_unknown_device_or_without_its_certificate_is_refused(bench: Any) -> None:
    with pytest.raises(ProtocolError, match="JOIN_DEVICE"):
        bench.make("8.7.1", OTHER)
    there = bench.of("GSME")
    there = there.given(device=there.device, device_type=lambda eui: "PPMID")
    with pytest.raises(ProtocolError, match=r"JOIN_DEVICE.*key agreement"):
        there.make("8.7.1", OTHER)
