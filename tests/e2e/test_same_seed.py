"""Same seed, same bytes: under one seed and one Clock a scenario says the same again, octet for octet (promise I7)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import asyncpg
import pytest

from dccemu_runtime.roles import drop
from dccemu_sdk.counters import CounterSource
from dccemu_sdk.errors import SdkError
from dccemu_sdk.session import Dcc, running
from dccemu_sdk.user import User

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ESME = "00-DB-12-34-56-78-90-A0"
GSME = "00-DB-12-34-56-78-90-A1"
BROKER = "90-B3-D5-1F-30-00-00-02"
NEW = "00-DB-12-34-56-78-9F-01"
CLOCK = "2026-03-02T09:30:00Z"
SERVICES = ("gateway", "smki", "inventory", "cos-party", "sm-wan")
TABLES = ("gateway.requests", "gateway.commands", "smki.certificates", "inventory.devices", "cos_party.keys")
FIRST_COUNTER = 1_772_443_800_000
READ = "<sr:ReadInstantaneousImportRegisters/>"
SYNCHRONISE = (
    f"<sr:SynchroniseClock><sr:CurrentDateTime>{CLOCK}</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
)
NOTIFY = (
    f"<sr:DevicePrenotification><sr:DeviceID>{NEW}</sr:DeviceID><sr:DeviceManufacturer>AB01</sr:DeviceManufacturer>"
    "<sr:DeviceModel>010A030B</sr:DeviceModel><sr:DeviceType>ESME</sr:DeviceType>"
    "<sr:SMETSCHTSVersion>SMETS V1.58</sr:SMETSCHTSVersion><sr:FirmwareVersion>0002012F</sr:FirmwareVersion>"
    "<sr:ESMEVariant>AD</sr:ESMEVariant></sr:DevicePrenotification>"
)

Build = Callable[..., bytes]


def _recorded(user: User, said: list[bytes]) -> User:
    """Keep every reply of the web services as it is."""
    post = user.gateway.post

    def recording(service: str, document: bytes, **options: Any) -> Any:
        reply = post(service, document, **options)
        said.append(reply.content)
        return reply

    user.gateway.post = recording  # type: ignore[method-assign]
    return user


def _play(dcc: Dcc, request_of: Build) -> list[bytes]:
    """Read, command, ask for local delivery, notify a Device, one after the other; what was replied."""
    said: list[bytes] = []
    dcc.counters = CounterSource(lambda: 0, after=FIRST_COUNTER)
    user = _recorded(dcc.user(SUPPLIER), said)
    inventory = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"
    codes = [
        user.send(request_of("4.1.1", 1, READ, GSME)).code,
        user.send(request_of("4.1.1", 2, READ, GSME)).code,
        user.send(request_of("6.11", 4, SYNCHRONISE, GSME)).code,
        user.send(request_of("8.2", 8, inventory, BROKER)).code,
        user.send(request_of("12.2", 8, NOTIFY, BROKER)).code,
        user.send(request_of("4.1.1", 1, READ, ESME)).code,
    ]
    assert codes == ["I0", "I0", "I0", "I0", "I99", "I0"]
    _wait_until_all_is_said(dcc)
    return said


def _is_complete(dcc: Dcc) -> bool:
    """Whether the new Device is there with its certificates and those of its parties, and nothing is on its way."""
    call: Callable[..., Any] = dcc.admin.call
    try:
        device: Any = dcc.admin.device(NEW)
    except SdkError:
        return False
    own = [name for name in device["state"] if name.startswith("certificate/")]
    if len(own) != 2 or not all(cell["has_certificate"] for cell in device["cells"] if cell["eui"]):
        return False
    outboxes = [call("GET", f"/admin/{name}/outbox") for name in SERVICES]
    waiting = sum(outbox["unsent"] + outbox["unconfirmed"] for outbox in outboxes)
    return not waiting and not call("GET", "/admin/deliveries")["backlog"]


def _wait_until_all_is_said(dcc: Dcc) -> None:
    """What is handled says what follows from it in the same transaction: silence that lasts is the end."""
    deadline, quiet = monotonic() + 60, 0
    while quiet < 5:
        quiet = quiet + 1 if _is_complete(dcc) else 0
        assert monotonic() < deadline, "the scenario does not come to its end"
        sleep(0.05)


def _transcript(dcc: Dcc, said: list[bytes]) -> dict[str, list[str]]:
    """Every document that went out, every Command, every certificate, every key and what the Devices hold."""
    call: Callable[..., Any] = dcc.admin.call
    listed = call("GET", "/admin/deliveries", limit=1000)["deliveries"]
    serials = [one["serial"] for one in call("GET", "/admin/smki/certificates", limit=1000)["certificates"]]
    assert dcc.state.keystore is not None
    return {
        "replies": [reply.decode() for reply in said],
        "deliveries": sorted(call("GET", f"/admin/deliveries/{one['id']}")["document"] for one in listed),
        "Commands": sorted(one["payload"] for one in call("GET", "/admin/gateway/commands", limit=1000)["commands"]),
        "certificates": sorted(str(call("GET", f"/admin/smki/certificates/{serial}")) for serial in serials),
        "keys of Users": [dcc.state.keystore.read_text("utf-8")],
        "Devices": [str(dcc.admin.device(eui)) for eui in (ESME, GSME, NEW)],
    }


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL of one's own, for ``--database``; what the services make there is removed again."""
    yield postgres_url

    async def remove() -> None:
        for name in SERVICES:
            await drop(postgres_url, name.replace("-", "_"))

    asyncio.run(remove())


async def _tables_with_rows(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        names = [name for name in TABLES if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {name})")]
    finally:
        await connection.close()
    return set(names)


def test_two_runs_of_one_scenario_with_one_seed_are_the_same(database: str, request_of: Build) -> None:
    """One keeps everything in a database of the suite's own, the other in one that it is given."""
    runs = []
    for place in ((), ("--database", database)):
        with running(("--seed", "7", "--clock", CLOCK, *place)) as dcc:
            runs.append(_transcript(dcc, _play(dcc, request_of)))
    first, second = runs

    assert asyncio.run(_tables_with_rows(database)) == set(TABLES)
    for part, texts in first.items():
        assert texts, part
        assert [_digest(text) for text in texts] == [_digest(text) for text in second[part]], part


def test_a_suite_that_is_started_again_with_its_seed_answers_what_it_is_sent(tmp_path: Path, request_of: Build) -> None:
    """What it kept has the ids that the seed gave at first: they must not be drawn again."""
    for _ in range(3):
        with running(("--seed", "7", "--clock", CLOCK, "--data", str(tmp_path))) as dcc:
            user = dcc.user(SUPPLIER)
            codes = [
                user.send(request_of(*what)).code for what in (("4.1.1", 1, READ, GSME), ("6.11", 4, SYNCHRONISE, ESME))
            ]
            assert codes == ["I0", "I0"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
