"""Entitlement by registration at the moment that matters (E4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dccemu_contracts.device_index import DeviceIndex, InventoryKey
from dccemu_contracts.entitlement import (
    UkDays,
    entitled_role,
    entitled_throughout,
    network_operators,
    registered_at,
    responsible_suppliers,
    starts_at,
    uk_date,
)
from dccemu_contracts.inventory import DeviceFact, RegistrationFact, RoleSpan
from dccemu_protocol.errors import ProtocolError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD, NEW, GAS, DNO, GTO, AGENT, OTHER = ("OLD", "NEW", "GAS", "DNO", "GTO", "AGENT", "OTHER")
SWITCH = date(2026, 6, 10)


def device(eui: str, kind: str, **fields: object) -> DeviceFact:
    values = {"id": eui, "at": NOW, "version": 1, "device": eui, "type": kind, "status": "Commissioned", **fields}
    return DeviceFact.model_validate(values)


def registration(
    mpxn: str, fuel: str, *spans: tuple[str, str, date, date | None], **fields: object
) -> RegistrationFact:
    return RegistrationFact.model_validate(
        {
            "id": mpxn,
            "at": NOW,
            "version": 1,
            "mpxn": mpxn,
            "fuel": fuel,
            "spans": [RoleSpan(role=r, user=u, effective_from=f, effective_to=t) for r, u, f, t in spans],
            **fields,
        }
    )


@pytest.fixture
def records() -> DeviceIndex:
    start = date(2020, 1, 1)
    index = DeviceIndex()
    index.put(device("CHF", "CHF", gpf="GPF"))
    index.put(device("GPF", "GPF", hub="CHF", meters=("GSME",)))
    index.put(device("ESME", "ESME", hub="CHF", import_mpxn="IMP", secondary_import_mpan="SEC", export_mpan="EXP"))
    index.put(device("GSME", "GSME", hub="CHF", gpf="GPF", import_mpxn="MPRN"))
    index.put(device("PPMID", "PPMID", hub="CHF", meters=("ESME", "GPF")))
    index.put(device("HCALCS", "HCALCS", hub="CHF", meters=("ESME",)))
    index.put(device("EMPTY", "CHF", status="InstalledNotCommissioned"))
    index.put(device("NEWMETER", "ESME", status="Pending", notified_by=OTHER))
    index.put(device("EXPORT", "ESME", hub="EMPTY2", export_mpan="EXP"))
    index.put_registration(
        registration(
            "IMP", "electricity", ("IS", OLD, start, None), ("IS", NEW, SWITCH, None), ("ED", DNO, start, None)
        )
    )
    index.put_registration(registration("SEC", "electricity", ("IS", "SECOND", start, None)))
    index.put_registration(
        registration(
            "EXP", "electricity", ("ES", "EXPORTER", start, None), ("ED", DNO, start, None), direction="export"
        )
    )
    index.put_registration(
        registration(
            "MPRN", "gas", ("GS", GAS, start, None), ("GT", GTO, start, None), ("RSA", AGENT, start, date(2026, 7, 1))
        )
    )
    return index


@pytest.mark.parametrize(
    ("user", "roles", "target", "role"),
    [
        (OLD, ["IS"], "ESME", "IS"),
        (OLD, ["IS"], "HCALCS", "IS"),
        (OLD, ["IS"], "PPMID", "IS"),
        (OLD, ["IS"], "CHF", "IS"),
        (OLD, ["IS", "GS"], "GSME", None),
        (OLD, ["IS", "GS"], "GPF", None),
        (NEW, ["IS"], "ESME", None),
        ("SECOND", ["IS"], "ESME", "IS"),
        (OLD, ["ED"], "ESME", None),
        (GAS, ["GS"], "GSME", "GS"),
        (GAS, ["GS"], "GPF", "GS"),
        (GAS, ["GS"], "PPMID", "GS"),
        (GAS, ["GS"], "CHF", "GS"),
        (GAS, ["GS"], "ESME", None),
        (GAS, ["GS"], "HCALCS", None),
        ("EXPORTER", ["ES"], "ESME", "ES"),
        ("EXPORTER", ["ES"], "HCALCS", None),
        (DNO, ["ED"], "ESME", "ED"),
        (DNO, ["ED", "GT"], "GSME", None),
        (GTO, ["GT"], "GSME", "GT"),
        (GTO, ["GT"], "GPF", "GT"),
        (GTO, ["GT"], "ESME", None),
        (AGENT, ["RSA"], "GSME", "RSA"),
        (AGENT, ["RSA"], "ESME", None),
        (OTHER, ["OU"], "ESME", "OU"),
        (OTHER, ["IS"], "EMPTY", "IS"),
        (OTHER, ["ED"], "EMPTY", None),
        (OTHER, ["IS"], "NEWMETER", "IS"),
        (OLD, ["IS"], "NEWMETER", None),
        ("EXPORTER", ["IS"], "EXPORT", "IS"),
    ],
)
def test_role_counts_where_registration_shows_it(
    records: DeviceIndex, user: str, roles: list[str], target: str, role: str | None
) -> None:
    found = records.device(target)
    assert found is not None
    assert entitled_role(user, roles, found, records, NOW) == role


@pytest.mark.parametrize(
    ("instant", "supplier"),
    [
        # British Summer Time: the day begins at 23:00 UTC of the day before.
        (datetime(2026, 6, 9, 22, 59, 59, tzinfo=UTC), OLD),
        (datetime(2026, 6, 9, 23, 0, tzinfo=UTC), NEW),
        (datetime(2026, 6, 10, 12, 0, tzinfo=UTC), NEW),
    ],
)
def test_the_execution_time_decides(records: DeviceIndex, instant: datetime, supplier: str) -> None:
    esme = records.device("ESME")
    assert esme is not None
    assert entitled_role(supplier, ["IS"], esme, records, instant) == "IS"
    assert entitled_role(OLD if supplier == NEW else NEW, ["IS"], esme, records, instant) is None
    assert responsible_suppliers(esme, records, instant) == {supplier}


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 29, 0, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 23, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 23, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 26, 0, 0, tzinfo=UTC), date(2026, 10, 26)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), date(2026, 12, 31)),
    ],
)
def test_uk_day_across_the_changes_of_clock(instant: datetime, day: date) -> None:
    assert uk_date(instant) == day


def test_a_day_begins_where_its_date_begins() -> None:
    for day in (date(2026, 3, 29), date(2026, 3, 30), date(2026, 10, 25), date(2026, 10, 26)):
        assert uk_date(starts_at(day)) == day
    assert uk_date(datetime(2026, 1, 2, 4, 59, tzinfo=UTC), 5) == date(2026, 1, 1)
    assert uk_date(datetime(2026, 1, 2, 5, 0, tzinfo=UTC), 5) == date(2026, 1, 2)


def test_the_day_that_is_remembered_is_that_of_the_instant_in_whatever_order_they_come() -> None:
    days = UkDays()
    edges = [starts_at(date(2026, 3, 29)), starts_at(date(2026, 3, 30)), starts_at(date(2026, 10, 25))]
    instants = [edge + timedelta(seconds=by) for edge in edges for by in (0, -1, 1, 3600, -3600, 86400)]

    assert [days.date_of(at) for at in instants] == [uk_date(at) for at in instants]


def test_an_upheld_objection_leaves_the_old_supplier(records: DeviceIndex) -> None:
    spans = (
        RoleSpan(role="IS", user=OLD, effective_from=date(2020, 1, 1)),
        RoleSpan(role="IS", user=NEW, effective_from=SWITCH, cancelled=True),
    )
    records.put_registration(registration("IMP", "electricity").model_copy(update={"version": 2, "spans": spans}))
    esme = records.device("ESME")
    assert esme is not None
    assert responsible_suppliers(esme, records, datetime(2026, 7, 1, tzinfo=UTC)) == {OLD}


def test_an_ended_registration_counts_to_its_last_day(records: DeviceIndex) -> None:
    gsme = records.device("GSME")
    assert gsme is not None
    assert entitled_role(AGENT, ["RSA"], gsme, records, datetime(2026, 7, 1, 22, 59, tzinfo=UTC)) == "RSA"
    assert entitled_role(AGENT, ["RSA"], gsme, records, datetime(2026, 7, 1, 23, 0, tzinfo=UTC)) is None


def test_a_log_period_must_lie_in_the_users_own_time(records: DeviceIndex) -> None:
    esme = records.device("ESME")
    assert esme is not None
    june = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC))
    late = (datetime(2026, 6, 11, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC))
    early = (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 9, 22, tzinfo=UTC))
    assert not entitled_throughout(OLD, ["IS"], esme, records, *june)
    assert not entitled_throughout(NEW, ["IS"], esme, records, *june)
    assert entitled_throughout(NEW, ["IS"], esme, records, *late)
    assert entitled_throughout(OLD, ["IS"], esme, records, *early)


def test_the_point_named_in_the_request_decides(records: DeviceIndex) -> None:
    esme = records.device("ESME")
    assert esme is not None
    assert entitled_role("SECOND", ["IS"], esme, records, NOW, mpxns=["SEC"]) == "IS"
    assert entitled_role(OLD, ["IS"], esme, records, NOW, mpxns=["SEC"]) is None
    assert registered_at(records, "MPRN", GAS, ["IS", "GS"], NOW)
    assert not registered_at(records, "UNKNOWN", GAS, ["IS", "GS"], NOW)


def test_both_fuels_are_responsible_for_hub_and_ppmid(records: DeviceIndex) -> None:
    for eui in ("CHF", "PPMID"):
        found = records.device(eui)
        assert found is not None
        assert responsible_suppliers(found, records, NOW) == {OLD, GAS}
        assert network_operators(found, records, NOW) == {DNO, GTO}


def test_read_inventory_answers_everything_on_the_hub(records: DeviceIndex) -> None:
    for key in (InventoryKey(device="PPMID"), InventoryKey(mpxn="SEC"), InventoryKey(device="CHF")):
        assert [fact.device for fact in records.read(key)] == ["CHF", "GPF", "ESME", "GSME", "HCALCS", "PPMID"]


def test_read_inventory_by_address_ignores_spaces_and_case(records: DeviceIndex) -> None:
    records.put(device("ESME", "ESME", version=2, hub="CHF", post_code="M22 0RR", address_identifier="1 High St"))
    key = InventoryKey(post_code="m220rr", address_identifier="1 HIGH ST")
    assert "ESME" in [fact.device for fact in records.read(key)]
    with pytest.raises(ProtocolError, match="INVENTORY_NOTHING_FOUND"):
        records.read(InventoryKey(post_code="M22 0RR", address_identifier="2 High St"))


def test_more_than_seventeen_are_too_many(records: DeviceIndex) -> None:
    for number in range(12):
        records.put(device(f"IHD{number}", "IHD", status=None, hub="CHF"))
    with pytest.raises(ProtocolError, match="INVENTORY_TOO_MANY"):
        records.read(InventoryKey(device="CHF"))


def test_an_older_fact_is_ignored_and_a_tombstone_removes(records: DeviceIndex) -> None:
    records.put(device("ESME", "ESME", version=5, status="Suspended", hub="CHF"))
    records.put(device("ESME", "ESME", version=4, hub="CHF"))
    found = records.device("ESME")
    assert found is not None
    assert found.status == "Suspended"
    records.put(device("ESME", "ESME", version=6, removed=True))
    assert records.device("ESME") is None
    assert "ESME" not in [fact.device for fact in records.on_hub("CHF")]
