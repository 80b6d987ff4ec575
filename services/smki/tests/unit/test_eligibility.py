"""Eligible Subscribers: the standard's two tables (SEC stage 4, 175 to 179; smki.md section 3)."""

from __future__ import annotations

from itertools import product

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import RemotePartyRole
from dccemu_smki.domain.eligibility import (
    DCC,
    Applicant,
    DeviceRecord,
    check_ad_hoc,
    check_device,
    check_organisation,
    device_rows,
    organisation_rows,
)

USER = "90-B3-D5-1F-30-01-00-00"
EUI = Eui64.parse(USER)
DEVICE = Eui64.parse("00-DB-12-34-56-78-90-A4")
STATUSES = ("Pending", "Whitelisted", "InstalledNotCommissioned", "Commissioned", "Suspended", "Recovered", None)


def party(*roles: str, remote: int | None = None) -> Applicant:
    return Applicant("PARTY1", {USER: frozenset(roles)}, {USER: remote})


DCC_ITSELF = Applicant(DCC, {USER: frozenset()}, {USER: 4})


def may(check: object, *arguments: object) -> bool:
    try:
        check(*arguments)  # type: ignore[operator]
    except ProtocolError as error:
        if error.rule != "NOT_ELIGIBLE" or not error.source:
            raise
        return False
    return True


@pytest.mark.parametrize("role", [int(role) for role in RemotePartyRole])
@pytest.mark.checklist("B3")
def test_every_remote_party_role_has_one_kind_of_subscriber(role: int) -> None:
    wanted = {
        2: {"IS", "GS"},
        3: {"ED", "GT"},
        8: set(),
        127: {"IS", "ES", "GS", "ED", "GT", "RSA", "OU"},
        135: {"IS", "ES", "GS", "ED", "GT", "RSA", "OU"},
        136: {"IS", "ES", "GS", "ED", "GT", "RSA", "OU"},
    }.get(role)

    for user_role in ("IS", "ES", "GS", "ED", "GT", "RSA", "OU"):
        assert may(check_organisation, party(user_role), EUI, role) is (wanted is not None and user_role in wanted)
    assert may(check_organisation, DCC_ITSELF, EUI, role) is (wanted is None)


def test_a_load_controller_is_known_by_its_remote_party_role() -> None:
    assert may(check_organisation, party("OU", remote=8), EUI, 8)


def test_the_identifier_must_be_the_partys_own() -> None:
    assert not may(check_organisation, party("IS"), Eui64(bytes(8)), 2)


def test_the_tables_have_every_role_and_every_device_that_holds_keys() -> None:
    assert set(organisation_rows()) == {int(role) for role in RemotePartyRole}
    assert set(device_rows()) == {"CHF", "GPF", "ESME", "GSME", "HCALCS", "PPMID", "SAPC"}


@pytest.mark.parametrize(("kind", "status"), list(product(("ESME", "GSME", "HCALCS", "PPMID"), STATUSES)))
@pytest.mark.checklist("B4")
def test_a_meter_is_open_to_any_party_until_it_is_installed(kind: str, status: str | None) -> None:
    record = DeviceRecord(kind, status, frozenset({USER}))
    responsible = party("GS" if kind == "GSME" else "IS")
    stranger = Applicant("OTHER1", {"00-00-00-00-00-00-00-01": frozenset({"IS", "GS"})}, {})

    assert may(check_device, responsible, DEVICE, record)
    assert may(check_device, stranger, DEVICE, record) is (status not in ("InstalledNotCommissioned", "Commissioned"))


@pytest.mark.parametrize("status", STATUSES)
def test_hub_and_gas_proxy_are_the_dccs(status: str | None) -> None:
    for kind in ("CHF", "GPF"):
        record = DeviceRecord(kind, status, frozenset({USER}))
        assert may(check_device, DCC_ITSELF, DEVICE, record)
        assert may(check_device, party("GS"), DEVICE, record) is (kind == "GPF")
        assert not may(check_device, party("IS"), DEVICE, record)


def test_a_device_that_the_inventory_does_not_hold_is_open() -> None:
    assert may(check_device, party("OU"), DEVICE, None)


def test_type_2_devices_hold_no_certificates() -> None:
    assert not may(check_device, party("IS"), DEVICE, DeviceRecord("IHD", "Pending", frozenset()))


def test_the_ad_hoc_service_is_for_suppliers_and_the_dcc() -> None:
    assert may(check_ad_hoc, party("IS"))
    assert may(check_ad_hoc, party("GS"))
    assert may(check_ad_hoc, DCC_ITSELF)
    assert not may(check_ad_hoc, party("ED", "OU", "ES"))
