"""Rules of installing: whitelist, joins, restoring a hub's log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dccemu_contracts.device_index import DeviceIndex
from dccemu_contracts.installation import InstallationRequest, check_installation, installing_role
from dccemu_contracts.inventory import DeviceFact, RegistrationFact
from dccemu_protocol.errors import ProtocolError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BACKUP = {"devices": []}


def device(eui: str, kind: str, **fields: Any) -> DeviceFact:
    values = {"id": eui, "at": NOW, "version": 1, "device": eui, "type": kind, "status": "Commissioned"}
    return DeviceFact.model_validate({**values, "cpl_status": "Active", **fields})


@pytest.fixture
def records() -> DeviceIndex:
    index = DeviceIndex()
    for fact in (
        device("HUB", "CHF", gpf="GPF"),
        device("GPF", "GPF", hub="HUB", meters=("GSME",)),
        device("ESME", "ESME", hub="HUB", import_mpxn="USED"),
        device("GSME", "GSME", hub="HUB", gpf="GPF"),
        device("PPMID", "PPMID", hub="HUB", status="Whitelisted"),
        device("IHD", "IHD", hub="HUB", status=None, meters=("ESME",)),
        device("NEW", "ESME", status="Pending"),
        device("LOOSE", "HCALCS", status="Pending"),
        device("OFFLIST", "ESME", status="Suspended", cpl_status="Withdrawn"),
        device("HUB2", "CHF", gpf="GPF2", status="InstalledNotCommissioned"),
        device("GPF2", "GPF", hub="HUB2", status="InstalledNotCommissioned"),
        device("OLD", "CHF", gpf="OLDGPF", status="Decommissioned", chf_log_backup=BACKUP),
        device("OLDGPF", "GPF", hub="OLD", status="Decommissioned", gpf_log_backup=BACKUP),
        device("ELSEWHERE", "ESME", hub="HUB2", status="Whitelisted"),
        device("STOCK", "CHF", gpf="STOCKGPF", status="Pending"),
    ):
        index.put(fact)
    for mpxn, user, since in (("FREE", "S", "2020-01-01"), ("USED", "S", "2020-01-01"), ("SOON", "S", "2026-07-01")):
        span = {"role": "IS", "user": user, "effective_from": since}
        index.put_registration(
            RegistrationFact.model_validate(
                {"id": mpxn, "at": NOW, "version": 1, "mpxn": mpxn, "fuel": "electricity", "spans": [span]}
            )
        )
    return index


def add(eui: str, mpxn: str | None = "FREE") -> dict[str, object]:
    details = {"JoinTimePeriod": "90", "InstallCode": "303132333435"} | ({"ImportMPxN": mpxn} if mpxn else {})
    return {"DeviceID": eui, "RequestType": "Add", "AddDeviceToCHFWhitelist": details}


def other(eui: str) -> dict[str, object]:
    return {"OtherDeviceID": eui}


GOOD = [
    ("8.11", "HUB", add("NEW"), {}),
    ("8.11", "HUB", add("NEW", "SOON"), {}),
    ("8.11", "HUB", add("ESME", "USED"), {}),
    ("8.11", "HUB", add("LOOSE", None), {}),
    ("8.11", "STOCK", add("NEW"), {"is_local": True}),
    ("8.11", "HUB", {"DeviceID": "PPMID", "RequestType": "Remove"}, {}),
    ("8.11", "HUB", {"DeviceID": "IHD", "RequestType": "Remove"}, {"roles": ("OU",)}),
    ("8.7.1", "ESME", other("PPMID"), {}),
    ("8.7.2", "PPMID", other("ESME"), {}),
    ("8.7.2", "GSME", other("GPF"), {}),
    ("8.7.2", "GPF", other("IHD"), {"roles": ("OU",)}),
    ("8.8.2", "ESME", other("IHD"), {}),
    ("8.8.2", "GSME", other("GPF"), {}),
    ("8.12.1", "HUB2", {"OldCHFID": "OLD"}, {}),
    ("8.12.2", "GPF2", {"OldGPFID": "OLDGPF"}, {}),
    ("4.1.1", "ESME", {}, {}),
]
BAD = [
    ("8.11", "HUB", add("NOBODY"), {}, "WHITELIST_DEVICE_UNKNOWN"),
    ("8.11", "HUB", add("GPF2"), {}, "WHITELIST_DEVICE_UNKNOWN"),
    ("8.11", "HUB", add("ELSEWHERE"), {}, "WHITELIST_OTHER_HUB"),
    ("8.11", "HUB", {"DeviceID": "NEW", "RequestType": "Add"}, {}, "WHITELIST_DETAILS"),
    ("8.11", "HUB", {**add("PPMID"), "RequestType": "Remove"}, {}, "WHITELIST_DETAILS"),
    ("8.11", "HUB", add("NEW", None), {}, "WHITELIST_DETAILS"),
    ("8.11", "HUB", add("NEW"), {"user": "T"}, "WHITELIST_MPXN_NOT_REGISTERED"),
    ("8.11", "HUB", add("NEW", "NOWHERE"), {}, "WHITELIST_MPXN_NOT_REGISTERED"),
    ("8.11", "HUB", add("NEW", "USED"), {}, "WHITELIST_MPXN_TAKEN"),
    ("8.11", "STOCK", add("NEW"), {}, "WHITELIST_HUB_STATUS"),
    ("8.11", "HUB", add("OFFLIST"), {}, "WHITELIST_PRODUCTS_LIST"),
    ("8.11", "HUB", {"DeviceID": "LOOSE", "RequestType": "Remove"}, {}, "WHITELIST_NOT_LISTED"),
    ("8.11", "HUB", add("NEW"), {"roles": ("OU",)}, "NOT_REGISTERED"),
    ("8.7.1", "ESME", other("NOBODY"), {}, "JOIN_DEVICE"),
    ("8.7.1", "ESME", other("GSME"), {}, "JOIN_DEVICE"),
    ("8.7.1", "ESME", other("LOOSE"), {}, "JOIN_NOT_ON_WHITELIST"),
    ("8.7.2", "PPMID", other("ESME"), {"roles": ("OU",)}, "NOT_REGISTERED"),
    ("8.8.1", "ESME", other("PPMID"), {}, "UNJOIN_NOT_JOINED"),
    ("8.8.2", "ESME", other("NOBODY"), {}, "UNJOIN_DEVICE"),
    ("8.12.1", "HUB2", {"OldCHFID": "NOBODY"}, {}, "RESTORE_OLD_HUB"),
    ("8.12.1", "HUB2", {"OldCHFID": "HUB"}, {}, "RESTORE_NO_HUB_BACKUP"),
    ("8.12.1", "STOCK", {"OldCHFID": "OLD"}, {}, "RESTORE_NEW_HUB"),
    ("8.12.2", "GPF2", {"OldGPFID": "ESME"}, {}, "RESTORE_OLD_GPF"),
    ("8.12.2", "GPF2", {"OldGPFID": "GPF"}, {}, "RESTORE_NO_GPF_BACKUP"),
]


def request(records: DeviceIndex, srv: str, target: str, content: dict[str, object], more: dict[str, Any]) -> Any:
    found = records.device(target)
    assert found is not None
    values = {"user": "S", "roles": ("IS", "GS"), "is_local": False, "at": NOW, **more}
    return InstallationRequest(
        srv=srv, target=found, content=content, records=records, at_mpxn=records.at_mpxn, **values
    )


@pytest.mark.parametrize(("srv", "target", "content", "more"), GOOD)
def test_what_may_be_done(
    records: DeviceIndex, srv: str, target: str, content: dict[str, object], more: dict[str, Any]
) -> None:
    check_installation(request(records, srv, target, content, more))


@pytest.mark.parametrize(("srv", "target", "content", "more", "rule"), BAD)
def test_what_is_refused(
    records: DeviceIndex, srv: str, target: str, content: dict[str, object], more: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ProtocolError) as refused:
        check_installation(request(records, srv, target, content, more))
    assert refused.value.rule == rule
    assert refused.value.detail


def test_a_hub_takes_seventeen_records(records: DeviceIndex) -> None:
    for number in range(20):
        records.put(device(f"IHD{number}", "IHD", status=None, hub="HUB"))
    with pytest.raises(ProtocolError, match="WHITELIST_FULL"):
        check_installation(request(records, "8.11", "HUB", add("NEW"), {}))


@pytest.mark.parametrize(
    ("srv", "target", "content", "user", "roles", "role"),
    [
        ("8.11", "HUB", add("NEW"), "S", ("IS", "GS"), "IS"),
        ("8.11", "HUB", add("NEW", "SOON"), "S", ("IS", "GS"), "IS"),
        ("8.11", "HUB", add("NEW"), "T", ("IS", "GS"), None),
        ("8.11", "HUB", add("NEW"), "S", ("GS",), None),
        ("8.7.2", "PPMID", other("ESME"), "S", ("IS",), "IS"),
        ("8.7.2", "PPMID", other("ESME"), "T", ("IS",), None),
        ("8.7.1", "ESME", other("PPMID"), "T", ("IS",), None),
    ],
)
def test_who_may_install_before_registration_links_them(
    records: DeviceIndex,
    srv: str,
    target: str,
    content: dict[str, object],
    user: str,
    roles: tuple[str, ...],
    role: str | None,
) -> None:
    assert installing_role(request(records, srv, target, content, {"user": user, "roles": roles})) == role
