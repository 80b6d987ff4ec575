"""The inventory service running on a real database and the in-process bus, with a gateway's ear and voice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.device_index import DeviceIndex
from dccemu_contracts.firmware import FirmwareDistribution
from dccemu_contracts.inventory import (
    CommandOutcome,
    DeviceFact,
    InventoryReply,
    InventoryRequest,
    PartyFact,
    ProductFact,
    RegistrationFact,
)
from dccemu_contracts.topics import (
    GATEWAY_ALERTS,
    INVENTORY_DEVICES,
    INVENTORY_PARTIES,
    INVENTORY_PRODUCTS,
    INVENTORY_REGISTRATIONS,
    INVENTORY_REPLIES,
    SM_WAN_DISTRIBUTIONS,
)
from dccemu_inventory.bootstrap import build
from dccemu_inventory.settings import Settings
from dccemu_runtime.bus import Message
from dccemu_runtime.http import problem
from dccemu_runtime.outbox import Outbox, message_of
from dccemu_runtime.roles import drop
from dccemu_runtime.service import Runtime, Service

SCENARIOS = Path(__file__).parents[3] / "deploy" / "scenarios"
NAMESPACE = "http://www.dccinterface.co.uk/ServiceUserGateway"


class Inventory:
    """A running inventory and what its neighbours hear of it."""

    def __init__(self, service: Service, runtime: Runtime, eventually: Callable[..., Awaitable[None]]) -> None:
        self.service = service
        self.runtime = runtime
        self.eventually = eventually
        self.index = DeviceIndex()
        self.parties: dict[str, PartyFact] = {}
        self.replies: dict[str, InventoryReply] = {}
        self.alerts: list[DccAlertOrder] = []
        self.orders: list[FirmwareDistribution] = []
        self.products: dict[str, ProductFact] = {}
        self.scenario = SCENARIOS / "rtds.yaml"
        self._number = 0
        self._ears: list[Any] = []
        app = FastAPI()
        problem.install(app)
        assert service.admin is not None
        app.include_router(service.admin)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://admin")
        port = httpx.ASGITransport(app=service.listeners[0].app)
        self.port = httpx.AsyncClient(transport=port, base_url="http://inventory")

    async def listen(self) -> None:
        async def devices(batch: Sequence[Message]) -> None:
            for message in batch:
                self.index.put(DeviceFact.from_bytes(message.value))

        async def points(batch: Sequence[Message]) -> None:
            for message in batch:
                self.index.put_registration(RegistrationFact.from_bytes(message.value))

        async def parties(batch: Sequence[Message]) -> None:
            for message in batch:
                fact = PartyFact.from_bytes(message.value)
                self.parties[fact.party] = fact

        async def replies(batch: Sequence[Message]) -> None:
            for message in batch:
                reply = InventoryReply.from_bytes(message.value)
                self.replies[reply.in_reply_to] = reply

        async def alerts(batch: Sequence[Message]) -> None:
            self.alerts += [DccAlertOrder.from_bytes(message.value) for message in batch]

        async def orders(batch: Sequence[Message]) -> None:
            self.orders += [FirmwareDistribution.from_bytes(message.value) for message in batch]

        async def products(batch: Sequence[Message]) -> None:
            for message in batch:
                product = ProductFact.from_bytes(message.value)
                self.products[product.key] = product

        bus = self.runtime.bus
        self._ears.append(await bus.subscribe([SM_WAN_DISTRIBUTIONS.name], "sm-wan", orders))
        self._ears.append(await bus.subscribe([INVENTORY_PRODUCTS.name], "test", products, replay=True))
        self._ears.append(await bus.subscribe([INVENTORY_DEVICES.name], "test", devices, replay=True))
        self._ears.append(await bus.subscribe([INVENTORY_REGISTRATIONS.name], "test", points, replay=True))
        self._ears.append(await bus.subscribe([INVENTORY_PARTIES.name], "test", parties, replay=True))
        self._ears.append(await bus.subscribe([INVENTORY_REPLIES.name], "gateway", replies))
        self._ears.append(await bus.subscribe([GATEWAY_ALERTS.name], "gateway", alerts))

    def device(self, eui: str) -> DeviceFact:
        found = self.index.device(eui)
        assert found is not None, f"{eui} is not in the inventory"
        return found

    def status(self, eui: str) -> str | None:
        return self.device(eui).status

    def request_message(
        self, srv: str, body: str, user: str = "90-B3-D5-1F-30-01-00-00", roles: tuple[str, ...] = ("IS", "GS")
    ) -> InventoryRequest:
        self._number += 1
        name, _, rest = body.partition(" ")
        dcc = "90-B3-D5-1F-30-00-00-02"
        xml = f'<sr:{name} xmlns:sr="{NAMESPACE}">{_elements(rest)}</sr:{name}>'
        return InventoryRequest(
            id=f"request-{self._number}",
            at=self.runtime.clock.now(),
            request_id=f"{user}:{dcc}:{self._number}",
            srv=srv,
            user=user,
            roles=roles,
            device=dcc,
            body=xml,
        )

    async def ask(self, srv: str, body: str, **sender: Any) -> InventoryReply:
        """Send a Non-Device request (``Body Name=text Part(Name=text)``) and wait for the reply."""
        request = self.request_message(srv, body, **sender)
        await self.runtime.bus.publish([message_of(request)])
        await self.eventually(lambda: request.id in self.replies)
        return self.replies[request.id]

    async def tell(self, device: str, srv: str | None = None, **fields: Any) -> CommandOutcome:
        """Say that a Device answered, and wait until that has been applied."""
        self._number += 1
        user = fields.pop("user", "90-B3-D5-1F-30-01-00-00")
        request = fields.pop("request", None)
        facts = fields.pop("facts", {}) | ({"request": request} if request is not None else {})
        outcome = CommandOutcome(
            id=fields.pop("id", f"outcome-{self._number}"),
            at=self.runtime.clock.now(),
            device=device,
            srv=srv,
            request_id=f"{user}:{device}:{self._number}",
            user=user,
            success=fields.pop("success", True),
            facts=facts,
            **fields,
        )
        await self.runtime.bus.publish([message_of(outcome)])
        await self.eventually(lambda: self.taken(outcome.id))
        await self.settled()
        return outcome

    async def taken(self, message_id: str) -> bool:
        """Whether the inventory has dealt with a message."""
        database = next(part for part in self.service.components if isinstance(part, Outbox))._database
        return await database.pool.fetchval("SELECT 1 FROM inbox WHERE id = $1", message_id) is not None

    async def settled(self) -> None:
        """Wait until what was sent so far has been dealt with: a request of no effect is answered after it."""
        mark = self.request_message("8.3", "DecommissionDevice DeviceID=00-00-00-00-00-00-00-00")
        await self.runtime.bus.publish([message_of(mark)])
        await self.eventually(lambda: mark.id in self.replies)
        # Facts were sent before the reply, on other topics: let their listeners run.
        for ear in self._ears:
            await ear.caught_up()

    def alerts_of(self, code: str) -> list[DccAlertOrder]:
        return [alert for alert in self.alerts if alert.code == code]


def _elements(text: str) -> str:
    """``A=1 B(C=2)`` as elements; ``_`` stands for a space in texts."""
    written = ""
    for word in text.split():
        if word.endswith("("):
            written += f"<sr:{word[:-1]}>"
            continue
        if word.startswith(")"):
            written += f"</sr:{word[1:]}>"
            continue
        name, _, value = word.partition("=")
        value = value.replace("_", " ").replace("&", "&amp;").replace("<", "&lt;")
        written += f"<sr:{name}>{value}</sr:{name}>"
    return written


@pytest.fixture
def scenario_file() -> Path:
    """The scenario to seed; tests may override it."""
    return SCENARIOS / "rtds.yaml"


@pytest_asyncio.fixture
async def inventory(
    postgres_url: str, runtime: Runtime, scenario_file: Path, eventually: Callable[..., Awaitable[None]]
) -> AsyncIterator[Inventory]:
    """A started inventory, seeded, whose facts have arrived at the test's ears."""
    schema = f"t_inv_{id(runtime):x}"
    settings = Settings(
        database_url=postgres_url, database_schema=schema, scenario=scenario_file, admin_grace_seconds=0
    )
    service = await build(settings, runtime)
    running = Inventory(service, runtime, eventually)
    running.scenario = scenario_file
    await running.listen()
    await service.start()
    await eventually(lambda: len(running.index) > 0 and running.parties)
    yield running
    await running.http.aclose()
    await running.port.aclose()
    await service.stop()
    await drop(postgres_url, schema)
