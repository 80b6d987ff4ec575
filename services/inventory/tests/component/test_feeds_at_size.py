"""Registration files as they come in life: very long, out of order, twice, with a bad row, on a Clock set back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from dccemu_contracts.entitlement import holder

SUPPLIER, SECOND = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
POINT = "3938424403"

pytestmark = pytest.mark.asyncio


def row(point: str, supplier: str = "SUP1", since: str = "20200101", **changes: str) -> str:
    """One record of a gas file, insert unless it says otherwise."""
    values = {"action": "I", "point": point, "direction": "", "supplier": supplier, "since": since, "until": ""}
    values |= {"network": "NET1", "agent": "", "agent_from": "", "agent_to": "", "status": "traded"}
    values |= {"energised": "Y", "domestic": "Y", "objection": "", "post_code": "EX1 1AA", "address": "1", "uprn": ""}
    assert changes.keys() <= values.keys()
    return ",".join((values | changes).values())


def gas_file(generation: int, *rows: str, count: int | None = None) -> str:
    """An Update File of provider RDP1."""
    head, tail = f'"A00",RDP1,"RDU",20260302,093000,{generation:06d}', len(rows) if count is None else count
    return "\n".join([head, *rows, f'"Z99",{tail:010d}', ""])


async def feed(inventory: Any, text: str) -> dict[str, Any]:
    """Send a file as the provider; the answer."""
    url, headers = "/admin/inventory/feeds/RDP1", {"Content-Type": "text/plain"}
    response = await inventory.http.post(url, content=text, headers=headers, timeout=900)
    assert response.status_code == 200, response.text
    return dict(response.json())


def gas_suppliers(inventory: Any, point: str) -> list[str]:
    """The Suppliers registered at a gas point, in order of their dates."""
    fact = inventory.index.registration(point)
    return [span.user for span in fact.spans if span.role == "GS"] if fact else []


@pytest_asyncio.fixture
async def provider(inventory: Any) -> Any:
    """The inventory, which knows the provider RDP1 of the network NET1."""
    await inventory.http.put("/admin/inventory/providers/RDP1", json={"networks": ["NET1"]})
    return inventory


def response_lines(result: dict[str, Any], kind: str) -> list[str]:
    return [line for line in result["response"].splitlines() if line.startswith(f'"{kind}"')]


async def states(inventory: Any) -> dict[int, str]:
    feeds = (await inventory.http.get("/admin/inventory/feeds")).json()
    return {entry["generation"]: entry["status"] for entry in feeds}


@pytest.mark.checklist("H1", "H2")
@pytest.mark.parametrize(
    "size", [20_000, pytest.param(1_000_000, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])]
)
async def test_one_bad_row_among_a_million_is_reported_and_the_rest_applied(provider: Any, size: int) -> None:
    rows = [row(f"{number:010d}", "SUP1" if number % 2 else "SUP2") for number in range(1, size + 1)]
    bad = size // 2
    rows[bad] = row(f"{bad + 1:010d}", since="20260230")

    result = await feed(provider, gas_file(1, *rows))

    assert (result["status"], result["accepted"], result["rejected"]) == ("accepted", size - 1, 1)
    ends = (1, size)
    (line,) = response_lines(result, "E01")
    assert line.startswith(f'"E01",{bad + 2},{bad + 1:010d},')
    await provider.eventually(lambda: sum(provider.index.registration(f"{n:010d}") is not None for n in ends) == 2, 900)
    assert provider.index.registration(f"{bad + 1:010d}") is None
    assert gas_suppliers(provider, f"{bad:010d}") == [SECOND]
    assert gas_suppliers(provider, f"{bad + 2:010d}") == [SECOND]
    assert gas_suppliers(provider, f"{size - 1:010d}") == [SUPPLIER]


@pytest.mark.parametrize(
    "damaged",
    [
        row(POINT, post_code='"EX1 1AA'),
        row(POINT, post_code='"EX1" 1AA'),
        row(POINT).replace(",", "|"),
        row(POINT)[:40],
        row(POINT, since="2020\x000101"),
        row("39\x0038424403"),
        row(POINT, energised="\ufffd"),
        row(POINT, network="\x00"),
        "",
        '"',
        "," * 100_000,
    ],
    ids=["open quote", "text after a quote", "other form", "cut off", *"abcdefg"],
)
async def test_a_damaged_row_takes_no_other_row_with_it(provider: Any, damaged: str) -> None:
    rows = [row(f"{number:010d}") for number in (1, 2)]

    result = await feed(provider, gas_file(1, rows[0], damaged, rows[1]))

    assert (result["status"], result["accepted"], result["rejected"]) == ("accepted", 2, 1)
    assert [line.split(",")[1] for line in response_lines(result, "E01")] == ["3"]
    await provider.eventually(lambda: gas_suppliers(provider, "0000000002") == [SUPPLIER])


async def test_files_out_of_order_are_applied_in_order(provider: Any) -> None:
    holders = {1: "SUP1", 2: "SUP2", 3: "SUP1", 4: "SUP2"}
    files = {number: gas_file(number, row(POINT, name, f"2020010{number}")) for number, name in holders.items()}

    answers = [(await feed(provider, files[number]))["status"] for number in (1, 4, 3)]
    assert answers == ["accepted", "held", "held"]
    assert await states(provider) == {1: "accepted", 3: "held", 4: "held"}
    assert (await feed(provider, files[2]))["status"] == "accepted"

    assert await states(provider) == dict.fromkeys(files, "accepted")
    await provider.eventually(lambda: gas_suppliers(provider, POINT) == [SUPPLIER, SECOND, SUPPLIER, SECOND])


async def test_a_bad_file_before_held_ones_leaves_them_held(provider: Any) -> None:
    await feed(provider, gas_file(1, row(POINT)))
    await feed(provider, gas_file(3, row(POINT, "SUP2", "20200103")))

    bad = await feed(provider, gas_file(2, row(POINT, "SUP1", "20200102"), count=7))

    assert bad["status"] == "rejected"
    assert await states(provider) == {1: "accepted", 3: "held"}
    incidents = (await provider.http.get("/admin/inventory/incidents")).json()
    assert len(incidents) == 2  # the gap and the bad file, each once
    assert (await feed(provider, gas_file(2, row(POINT, "SUP1", "20200102"))))["status"] == "accepted"
    await provider.eventually(lambda: gas_suppliers(provider, POINT) == [SUPPLIER, SUPPLIER, SECOND])


async def test_a_file_that_comes_twice_is_answered_twice_and_applied_once(provider: Any) -> None:
    text = gas_file(1, row(POINT), row("77", energised="?"))

    answers = await asyncio.gather(*(feed(provider, text) for _ in range(5)))
    await provider.eventually(lambda: provider.index.registration(POINT) is not None)
    version = provider.index.registration(POINT).version
    answers.append(await feed(provider, text))
    await feed(provider, gas_file(2, row("1000000205")))
    answers.append(await feed(provider, text))
    await provider.settled()

    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["status"], answers[0]["accepted"], answers[0]["rejected"]) == ("accepted", 1, 1)
    assert provider.index.registration(POINT).version == version
    assert gas_suppliers(provider, POINT) == [SUPPLIER]
    assert (await provider.http.get("/admin/inventory/incidents")).json() == []


async def test_an_old_generation_with_other_content_is_refused(provider: Any) -> None:
    await feed(provider, gas_file(1, row(POINT)))
    await feed(provider, gas_file(2, row(POINT, "SUP2", "20200201")))

    forged = await feed(provider, gas_file(1, row(POINT, "SUP1", "20200301")))

    assert forged["status"] == "rejected"
    assert "received before with other content" in forged["response"]
    await provider.settled()
    assert gas_suppliers(provider, POINT) == [SUPPLIER, SECOND]


async def test_a_clock_moved_backwards_changes_no_order_and_the_holder_follows_it(provider: Any) -> None:
    clock = provider.runtime.clock
    start = clock.now()
    switch = f"{start + timedelta(days=2):%Y%m%d}"
    await feed(provider, gas_file(1, row(POINT), row(POINT, "SUP2", switch)))
    await provider.eventually(lambda: gas_suppliers(provider, POINT) == [SUPPLIER, SECOND])
    first = provider.index.registration(POINT).version

    def held_by() -> str | None:
        return holder(provider.index.registration(POINT), "GS", clock.now())

    clock.set(start + timedelta(days=3))
    assert held_by() == SECOND
    clock.set(start - timedelta(days=30))
    assert held_by() == SUPPLIER

    # A file taken in on the Clock set back is newer than what was taken in before, and a repeat is still a repeat.
    assert (await feed(provider, gas_file(2, row(POINT, "SUP2", switch, action="D"))))["status"] == "accepted"
    assert (await feed(provider, gas_file(1, row(POINT), row(POINT, "SUP2", switch))))["status"] == "accepted"
    await provider.eventually(lambda: provider.index.registration(POINT).version > first)
    clock.set(start + timedelta(days=3))
    assert held_by() == SUPPLIER
    assert provider.index.registration(POINT).at < start
