"""The verifiable User: numbers its requests, repeats until it knows their fate, and keeps every delivery.

One lane for each Device: a request is sent until its fate is known, then the next, so that the counters of a Device
rise in the order in which the DCC took them. Answers are not waited for: many are under way at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from dccemu_protocol.duis import DuisResponse, parse_document, read_request, read_response
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import RequestId
from dccemu_sdk.counters import CounterSource
from dccemu_sdk.documents import signed_pre_command
from dccemu_sdk.identity import Identity
from dccemu_sdk.user import check_header

from . import documents
from .http import Wire
from .load import Gate, Load
from .receiving import Receiving
from .record import Asked, Fate, Record

SERVICE_T, SERVICE_S = "/api/v1/serviceT", "/api/v1/serviceS"
ACKNOWLEDGED, DUPLICATE = "I99", "E45"
_PAUSE = 0.1


class User:
    """The User and its Receive Response Service.

    Parameters
    ----------
    load
        How much it asks; ``gate.load`` may be replaced while it runs.
    critical
        Share of critical requests.
    copies
        How often each message is sent at the same time, least and most (fault F10); (1, 1) sends it once.
    """

    def __init__(
        self,
        identity: Identity,
        url: str,
        meters: Sequence[str],
        seed: int,
        *,
        load: Load,
        critical: float = 0.3,
        copies: tuple[int, int] = (1, 1),
        patience: float = 60.0,
    ) -> None:
        self.record = Record()
        self.gate = Gate(load, len(meters))
        self._identity = identity
        self._wire = Wire(url)
        self._meters = list(meters)
        self._random = random.Random(seed)
        self._critical = critical
        self._copies = copies
        self._patience = patience
        self._counters = CounterSource()
        self._receiving = Receiving(self.record, self.gate.end)

    async def start(self) -> str:
        """Open the Receive Response Service; its address."""
        return await self._receiving.start()

    async def stop(self) -> None:
        """Close it."""
        await self._wire.close()
        await self._receiving.stop()

    async def run(self, seconds: float, is_enough: Callable[[Record], bool]) -> None:
        """Send until it is enough, for so long at most."""
        self.record.began = time.monotonic()
        deadline = self.record.began + seconds
        lanes = [self._lane(meter, random.Random(self._random.random()), deadline, is_enough) for meter in self._meters]
        await asyncio.gather(*lanes)
        self.record.ended = time.monotonic()

    async def settle(self, seconds: float) -> None:
        """Wait until every acknowledged request has an answer, for so long at most."""
        deadline = time.monotonic() + seconds
        owed = {one.request_id for one in self.record.asked.values() if one.fate is Fate.ACKNOWLEDGED}
        while (left := deadline - time.monotonic()) > 0:
            news = self._receiving.news
            if owed <= self.record.answered:
                return
            try:
                async with asyncio.timeout(min(left, 1.0)):
                    await news.wait()
            except TimeoutError:
                continue

    async def _lane(self, meter: str, rng: random.Random, deadline: float, is_enough: Callable[[Record], bool]) -> None:
        due = time.monotonic() + rng.random() * self.gate.interval()
        while due < deadline and not is_enough(self.record):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not await self.gate.room(deadline):
                return
            await (self._ask_critical(meter, rng) if rng.random() < self._critical else self._ask(meter, rng))
            interval = self.gate.interval()
            due = max(due + interval, time.monotonic() - interval)

    async def _ask(self, meter: str, rng: random.Random) -> None:
        request_id = self._request_id(meter)
        document = self._identity.sign_document(documents.read_registers(request_id))
        other = None
        if self._copies[1] > 2:
            other = self._identity.sign_document(documents.read_prepay(request_id))
        await self._submit(self._note(request_id, critical=False), document, rng, other)

    async def _ask_critical(self, meter: str, rng: random.Random) -> None:
        """Transform, sign the Pre-Command, send it."""
        request_id = self._request_id(meter)
        document = self._identity.sign_document(documents.synchronise_clock(request_id))
        pre_command = await self._transform(document)
        if pre_command is None:
            self.record.abandoned += 1
            return
        request = read_request(parse_document(document))
        payload = pre_command.gbcs_payload
        if payload is None:
            self.record.anomalies.append(f"{request_id}: Pre-Command {pre_command.kind} {pre_command.response_code}")
            return
        check_header(request, payload)
        signed = self._identity.sign_canonical(signed_pre_command(request, self._identity.sign_pre_command(payload), 5))
        await self._submit(self._note(request_id, critical=True), signed, rng, None)

    async def _transform(self, document: bytes) -> DuisResponse | None:
        """The Pre-Command, or None when a reply was lost: the repeat is refused, so the User gives that request up."""
        deadline = time.monotonic() + self._patience
        sent = 0
        while time.monotonic() < deadline:
            sent += 1
            reply = await self._post(SERVICE_T, document)
            if reply is None:
                await asyncio.sleep(_PAUSE)
                continue
            if reply.response_code == DUPLICATE and sent > 1:
                return None
            return reply
        return None

    async def _submit(self, asked: Asked, document: bytes, rng: random.Random, other: bytes | None) -> None:
        """Send until the fate is known. With copies, several at once, one of them with another body."""
        deadline = time.monotonic() + self._patience
        while asked.fate is Fate.UNKNOWN and time.monotonic() < deadline:
            copies = [document] * rng.randint(*self._copies)
            if len(copies) > 2 and other is not None:
                copies[rng.randrange(len(copies))] = other
            asked.sent += len(copies)
            self.record.repeats_sent += len(copies) - 1
            replies = await asyncio.gather(*(self._post(SERVICE_S, one) for one in copies))
            codes = [reply.response_code for reply in replies if reply is not None]
            asked.codes += codes
            if ACKNOWLEDGED in codes or (DUPLICATE in codes and asked.sent > 1):
                asked.fate, asked.acknowledged_at = Fate.ACKNOWLEDGED, time.monotonic()
                self.record.acknowledged += 1
            elif codes:
                asked.fate = Fate.REFUSED
                self.gate.end(asked.request_id)
            else:
                await asyncio.sleep(_PAUSE)

    async def _post(self, service: str, document: bytes) -> DuisResponse | None:
        """One exchange; None when there is no knowledge of the fate: connection lost, or 503."""
        began = time.monotonic()
        try:
            status, body = await self._wire.post(service, document)
        except OSError:
            self.record.broken += 1
            return None
        self.record.longest_reply = max(self.record.longest_reply, time.monotonic() - began)
        if status == 503:
            self.record.unavailable += 1
            return None
        if status != 200:
            self.record.anomalies.append(f"HTTP {status}: {body[:300].decode('utf-8', 'replace')}")
            return None
        try:
            return read_response(parse_document(body))
        except ProtocolError as error:
            self.record.anomalies.append(f"a reply that is no Response: {error}")
            return None

    def _note(self, request_id: RequestId, *, critical: bool) -> Asked:
        asked = Asked(str(request_id), str(request_id.target), request_id.counter, critical, time.monotonic())
        self.record.asked[asked.request_id] = asked
        self.gate.begin(asked.request_id)
        return asked

    def _request_id(self, meter: str) -> RequestId:
        return RequestId.parse(f"{self._identity.eui}:{meter}:{self._counters.next()}")
