"""The outbox: the only way out of a service, and the memory that outlives any broker.

A use case writes its messages as rows in the transaction of its state. After the commit the relay, woken in process
(a slow poll is the fallback), locks the unsent rows, publishes them in order and marks each with the incarnation of
the bus and the place it was put. A row is deleted only when all consumers that its topic names have confirmed that
place. When the bus appears in another incarnation - the broker was killed and came back empty - whatever was not yet
confirmed counts as unsent again. Consumers meet a repeat with their inbox.

Rows are found by ``sent_in IS NULL`` under ``FOR UPDATE SKIP LOCKED``, never by a high-water mark: positions are drawn
before the commit, so a lower one may appear after a higher one. Workers of one service take turns with an advisory
lock, so that the order of a key's messages holds across workers.

A service of which one process runs at a time may say so (``sole``). Then what the group commit has just made durable
goes to the bus from memory, and where it was put is remembered in memory: no row is read back, and none is marked
unless there are very many. A look at the table still finds what was left behind by another process or written by
other transactions, before anything newer is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.envelope import Contract
from dccemu_contracts.topics import BY_NAME

from . import outbox_statements as sql
from .bus import Bus, BusUnavailable, Message
from .database import Database
from .groupcommit import CONNECTION_TROUBLE, Row, StoreUnavailable, Write, insert
from .outbox_rows import headers_of, headers_text, message_of, row_of
from .sent import Put, Sent

log = structlog.get_logger(__name__)

#: The longest pause while bus or database are away, in seconds.
_LONGEST_WAIT = 0.25

#: Rows that a sole relay keeps in memory: past the first it marks what it sent, past the second it reads rows back.
_MOST_REMEMBERED = 50_000
_MOST_FRESH = 20_000


class Outbox:
    """Writes rows and relays them.

    Parameters
    ----------
    poll
        How often to look for rows that another process left behind.
    confirm
        How often to ask the bus what was consumed.
    sole
        Whether this process is the only one that relays this outbox.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        batch_size: int = 500,
        poll: timedelta = timedelta(seconds=1),
        confirm: timedelta = timedelta(seconds=1),
        sole: bool = False,
    ) -> None:
        self._database = database
        self._bus = bus
        self._batch_size = batch_size
        self._poll = poll.total_seconds()
        self._confirm = confirm.total_seconds()
        self._wake = asyncio.Event()
        self._relayed_in: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sole = sole
        self._sent = Sent()
        self._fresh: list[Row] = []
        self._must_look = True
        self._insert = insert(
            "outbox",
            {"id": "text", "topic": "text", "key": "text", "value": "bytea", "headers": "text"},
            committed=self._committed,
            returning="position" if sole else "",
        )
        self._bus_is_back = asyncio.Event()
        bus.on_incarnation(self._bus_changed)

    @property
    def database(self) -> Database:
        return self._database

    @property
    def bus(self) -> Bus:
        return self._bus

    def write(self, contract: Contract) -> Write:
        """The row of a message, for a unit of the group commit."""
        return Write(self._insert, row_of(contract))

    async def add(self, connection: PoolConnectionProxy, *contracts: Contract) -> None:
        """Write messages in the transaction of ``connection`` (from ``Database.transaction``)."""
        await connection.executemany(sql.INSERT, [row_of(contract) for contract in contracts])
        self._database.after_commit(connection, self.wake)

    async def copy(self, connection: PoolConnectionProxy, contracts: Sequence[Contract]) -> None:
        """Write very many messages of one use case in the transaction of ``connection``; they share their headers."""
        headers = headers_text(contracts[0]) if contracts else ""
        rows = [(one.id, one.topic.name, one.key, one.to_bytes(), headers) for one in contracts]
        await connection.copy_records_to_table("outbox", records=rows, columns=sql.COLUMNS)
        self._database.after_commit(connection, self.wake)

    def wake(self) -> None:
        """Look for unsent rows now."""
        self._must_look = True
        self._wake.set()

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._relay(), name=f"outbox relay {self._database.schema}"),
            asyncio.create_task(self._follow(), name=f"outbox confirmations {self._database.schema}"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        with suppress(StoreUnavailable, asyncpg.PostgresError, *CONNECTION_TROUBLE):
            await self._mark_remembered()

    async def drained(self) -> bool:
        """Whether every row has been sent and confirmed."""
        return not await self._database.pool.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)")

    async def counts(self) -> dict[str, int]:
        """Rows that wait for the bus (``unsent``) and rows that wait for consumers (``unconfirmed``)."""
        rows = await self._database.pool.fetch("SELECT sent_in IS NULL, count(*) FROM outbox GROUP BY 1")
        found = {row[0]: row[1] for row in rows}
        remembered = len(self._sent)
        return {"unsent": found.get(True, 0) - remembered, "unconfirmed": found.get(False, 0) + remembered}

    async def waiting(self, limit: int) -> list[dict[str, object]]:
        """The oldest rows: what they are, since when they wait, and whether they were sent."""
        return [dict(row) for row in await self._database.pool.fetch(sql.OLDEST, limit, list(self._sent.positions))]

    def _committed(self, rows: Sequence[Row]) -> None:
        if self._sole:
            self._fresh += rows
            if len(self._fresh) > _MOST_FRESH:
                self._fresh.clear()
                self._must_look = True
        self._wake.set()

    def _bus_changed(self) -> None:
        self._bus_is_back.set()
        self.wake()

    async def _relay(self) -> None:
        delay = 0.05
        while True:
            self._wake.clear()
            try:
                await self._relay_all()
                delay = 0.05
            except (BusUnavailable, StoreUnavailable, asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.warning("outbox waits", schema=self._database.schema, error=repr(error), retry_in=delay)
                self._bus_is_back.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._bus_is_back.wait()
                delay = min(delay * 2, _LONGEST_WAIT)
                self.wake()
            except Exception:
                log.exception("outbox relay failed", schema=self._database.schema)
                await asyncio.sleep(1)
            if self._wake.is_set():
                continue
            try:
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            except TimeoutError:
                self._must_look = True

    async def _relay_all(self) -> None:
        if not self._sole:
            while await self.relay_once() == self._batch_size:
                pass
            return
        while self._must_look or self._fresh:
            if self._bus.incarnation is None:
                self._fresh.clear()
                self._must_look = True
                return
            if self._must_look:
                self._must_look = False
                if await self._look_once() == self._batch_size:
                    self._must_look = True
            else:
                await self._send_fresh()

    async def _send_fresh(self) -> None:
        """Publish what was just committed, in the order of commitment."""
        if self._bus.incarnation != self._relayed_in:
            self._must_look = True
            return
        batch, self._fresh = self._fresh[: self._batch_size], self._fresh[self._batch_size :]
        known = self._sent.positions
        await self._send([row for row in batch if row[0] not in known])

    async def _look_once(self) -> int:
        """Publish one batch of rows that nobody sent; returns how many."""
        incarnation = self._bus.incarnation
        if incarnation is not None and incarnation != self._relayed_in:
            self._sent.release()
            async with self._database.transaction() as connection:
                await self._take_back_lost(connection, incarnation)
        rows = await self._database.pool.fetch(sql.LOOK, self._batch_size, list(self._sent.positions))
        found = {row[0] for row in rows}
        self._fresh = [row for row in self._fresh if row[0] not in found]
        await self._send([tuple(row) for row in rows])
        return len(rows)

    async def _send(self, rows: Sequence[Row]) -> None:
        """Publish rows from (position, id, topic, key, value, headers) and remember where they were put."""
        if not rows:
            return
        incarnation = self._bus.incarnation
        done: list[int] = []
        try:
            receipts = await self._bus.publish(
                [Message(row[2], row[3], bytes(row[4]), row[1], headers_of(row[5])) for row in rows]
            )
            if self._bus.incarnation != incarnation:
                raise BusUnavailable("the bus came back without its contents while a batch was being published")
            kept: list[Put] = []
            for row, receipt in zip(rows, receipts, strict=True):
                topic = BY_NAME.get(row[2])
                if topic is not None and topic.consumers:
                    kept.append((row[0], row[2], receipt.partition, receipt.offset))
                else:
                    done.append(row[0])
            self._sent.note(kept)
            if done:
                await self._database.pool.execute(sql.FORGET, done)
        except BaseException:
            self._must_look = True
            raise
        if len(self._sent) > _MOST_REMEMBERED:
            await self._mark_remembered()

    async def _mark_remembered(self) -> None:
        """Write down where the remembered rows were put, and forget them here."""
        if self._relayed_in is None or not self._sent:
            return
        rows = self._sent.release()
        places = [[row[0] for row in rows], [row[2] for row in rows], [row[3] for row in rows]]
        await self._database.pool.execute(sql.MARK, self._relayed_in, *places)

    async def relay_once(self) -> int:
        """Publish one batch of unsent rows; returns how many."""
        if self._bus.incarnation is None:
            return 0
        if self._sole:
            return await self._look_once()
        if self._bus.incarnation == self._relayed_in and not await self._database.pool.fetchval(sql.IS_UNSENT):
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(sql.TAKE_TURNS)
            incarnation = self._bus.incarnation
            if incarnation is None:
                return 0
            if incarnation != self._relayed_in:
                await self._take_back_lost(connection, incarnation)
            rows = await connection.fetch(sql.TAKE, self._batch_size)
            if not rows:
                return 0
            receipts = await self._bus.publish(
                [Message(row[2], row[3], row[4], row[1], headers_of(row[5])) for row in rows]
            )
            if self._bus.incarnation != incarnation:
                raise BusUnavailable("the bus came back without its contents while a batch was being published")
            done: list[int] = []
            kept: list[tuple[int, int, int]] = []
            for row, receipt in zip(rows, receipts, strict=True):
                topic = BY_NAME.get(row[2])
                if topic is not None and topic.consumers:
                    kept.append((row[0], receipt.partition, receipt.offset))
                else:
                    done.append(row[0])
            if kept:
                await connection.execute(sql.MARK, incarnation, *(list(column) for column in zip(*kept, strict=True)))
            if done:
                await connection.execute(sql.FORGET, done)
        return len(rows)

    async def _follow(self) -> None:
        """Keep asking which rows were confirmed."""
        while True:
            await asyncio.sleep(self._confirm)
            try:
                if self._bus.incarnation is not None:
                    await self.confirm_once()
            except (BusUnavailable, StoreUnavailable, asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.info("outbox confirmations wait", schema=self._database.schema, error=repr(error))
            except Exception:
                log.exception("outbox confirmations failed", schema=self._database.schema)

    async def _take_back_lost(self, connection: PoolConnectionProxy, incarnation: str) -> None:
        """Count what was sent in another incarnation as unsent, before anything newer is sent: order is kept."""
        result = await connection.execute(sql.LOST, incarnation)
        if result != "UPDATE 0":
            log.warning("the bus came back without its contents", schema=self._database.schema, resend=result)

        def committed() -> None:
            self._relayed_in = incarnation

        self._database.after_commit(connection, committed)

    async def confirm_once(self) -> None:
        """Delete the rows that all their consumers have handled."""
        incarnation = self._bus.incarnation
        for topic in self._sent.topics:
            lowest = await self._confirmed(topic)
            if lowest and incarnation == self._bus.incarnation == self._relayed_in:
                passed = self._sent.passed(topic, lowest)
                try:
                    if passed:
                        await self._database.pool.execute(sql.FORGET, passed)
                finally:
                    self._sent.forget(passed)  # not before: a look at the table meanwhile would send them again
        for row in await self._database.pool.fetch(sql.WAITING, incarnation):
            lowest = await self._confirmed(row[0])
            if lowest and incarnation == self._bus.incarnation:
                await self._database.pool.execute(sql.CONFIRM, row[0], incarnation, list(lowest), list(lowest.values()))

    async def _confirmed(self, topic: str) -> dict[int, int]:
        """The offset before which all consumers of a topic are done, by partition."""
        positions = [await self._bus.confirmed(topic, consumer) for consumer in BY_NAME[topic].consumers]
        common = set.intersection(*(set(position) for position in positions))
        return {number: min(position[number] for position in positions) for number in common}


__all__ = ["Outbox", "message_of"]
