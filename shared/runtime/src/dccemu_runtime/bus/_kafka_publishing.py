"""Publishing for the Kafka adapter: a producer that ends with its first lost connection.

A producer of aiokafka connects again by itself and sends what it still holds. To a memory-only broker that came back
empty that is fatal: it takes messages for topics that nobody has made yet, and when they are made afterwards, their
offsets start behind messages that cannot be read, and every consumer waits for ever. So a lost connection ends the
producer; the bus makes the topics first and then a new producer. The outbox still has everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from . import BusUnavailable, Receipt
from ._kafka_parts import whole

#: The largest message: a document of the largest body that a listener takes, twice as long in hexadecimal, and more.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

#: Topic, partition, key, value, headers.
Record = tuple[str, int, bytes, bytes, list[tuple[str, bytes]]]


class Producer:
    """One producer over one set of connections; ``lost`` is set when one of them was lost."""

    def __init__(self, address: str, client: str, *, patience: float = 10.0) -> None:
        self.lost = asyncio.Event()
        self._address = address
        self._patience = patience
        self._known: dict[object, object] = {}
        self._producer = AIOKafkaProducer(
            bootstrap_servers=address,
            client_id=client,
            acks="all",
            linger_ms=0,
            request_timeout_ms=5000,
            retry_backoff_ms=50,
            max_request_size=MAX_MESSAGE_BYTES,
        )
        whole(self._producer, self._producer.client)
        self._open_connection = self._producer.client.ready
        self._producer.client.ready = self._ready

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is in hand, unless the connection is lost; then let go."""
        if self.lost.is_set():
            self._producer._message_accumulator.fail_all(KafkaConnectionError("the connection was lost"))
        try:
            with suppress(KeyError):  # a batch that was waiting for its next attempt does not find itself any more
                await self._producer.stop()
        finally:
            await self._producer.client.close()

    async def publish(self, records: Sequence[Record]) -> list[Receipt]:
        """Send in order and return where each record is; fails at once when the connection is lost."""
        sending = asyncio.ensure_future(self._send(records))
        losing = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({sending, losing}, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                why = "the connection was lost" if self.lost.is_set() else f"no answer in {self._patience} s"
                raise BusUnavailable(f"the broker {self._address} did not take it: {why}")
            return sending.result()
        except (KafkaError, OSError, TimeoutError, AssertionError) as error:
            raise BusUnavailable(f"the broker {self._address} did not take it: {error!r}") from error
        finally:
            for task in (sending, losing):
                task.cancel()
            await asyncio.gather(sending, losing, return_exceptions=True)

    async def _send(self, records: Sequence[Record]) -> list[Receipt]:
        sent = [
            await self._producer.send(topic, value=value, key=key, partition=partition, headers=headers)
            for topic, partition, key, value, headers in records
        ]
        places = await asyncio.gather(*sent, return_exceptions=True)
        receipts: list[Receipt] = []
        for place in places:
            if isinstance(place, BaseException):
                raise place
            receipts.append(Receipt(place.topic, place.partition, place.offset))
        return receipts

    async def _ready(self, node_id: object, **options: Any) -> bool:
        """Stands for ``AIOKafkaClient.ready``, which every request asks first: a connection is opened once only."""
        client = self._producer.client
        key = (node_id, options.get("group"))
        before = self._known.get(key)
        if self.lost.is_set():
            return False
        if before is not None and (before not in client._conns.values() or not before.connected()):  # type: ignore[attr-defined]
            self.lost.set()
            return False
        if not await self._open_connection(node_id, **options):
            return False
        if before is None:
            self._known[key] = next(conn for conn_id, conn in client._conns.items() if conn_id[0] == node_id)
        return True
