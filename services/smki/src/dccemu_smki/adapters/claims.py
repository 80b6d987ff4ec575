"""Keys that are certified, and how many certificates each Device ID has, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.identifiers import Eui64

_CERTIFIED = "SELECT key_digest, owner, usage FROM certified_keys WHERE key_digest = ANY($1::bytea[])"
_CLAIM_KEYS = """
INSERT INTO certified_keys (key_digest, owner, usage)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[]) ORDER BY 1 ON CONFLICT DO NOTHING RETURNING key_digest"""
_GIVE_BACK = "DELETE FROM certified_keys WHERE key_digest = ANY($1::bytea[])"
# Counted first, looked at after: how many Devices would have more certificates than they may.
COUNT_UP = """
WITH counted AS (
    INSERT INTO device_counts (eui, issued) {devices} ORDER BY 1
    ON CONFLICT (eui) DO UPDATE SET issued = device_counts.issued + excluded.issued RETURNING issued, allowed)
SELECT count(*) FROM counted WHERE issued > allowed"""
_COUNTS_READY = """
INSERT INTO device_counts (eui) SELECT DISTINCT e FROM unnest($1::bytea[]) AS e ORDER BY e ON CONFLICT DO NOTHING"""
_COUNTS = "SELECT eui, issued, allowed FROM device_counts WHERE eui = ANY($1::bytea[]) ORDER BY eui FOR UPDATE"
_COUNTED = """
UPDATE device_counts d SET issued = n.issued FROM unnest($1::bytea[], $2::int[]) AS n(eui, issued)
WHERE d.eui = n.eui"""


class Claims:
    """Part of the store. All writes take the connection of the use case's transaction."""

    async def certified(
        self, connection: PoolConnectionProxy, digests: Sequence[bytes]
    ) -> dict[bytes, tuple[bytes, str]]:
        """Owner and usage of those keys that have been certified before."""
        rows = await connection.fetch(_CERTIFIED, list(digests))
        return {row[0]: (row[1], row[2]) for row in rows}

    async def claim_keys(
        self, connection: PoolConnectionProxy, claims: Sequence[tuple[bytes, bytes, str]]
    ) -> set[bytes]:
        """Take keys for their owner and usage; gives those that were free."""
        digests, owners, usages = zip(*claims, strict=True) if claims else ((), (), ())
        rows = await connection.fetch(_CLAIM_KEYS, list(digests), list(owners), list(usages))
        return {row[0] for row in rows}

    async def give_keys_back(self, connection: PoolConnectionProxy, digests: Sequence[bytes]) -> None:
        """Free keys that were taken in this transaction and not certified."""
        if digests:
            await connection.execute(_GIVE_BACK, digests)

    async def lock_counts(
        self, connection: PoolConnectionProxy, devices: Iterable[bytes]
    ) -> dict[bytes, tuple[int, int]]:
        """Certificates issued and allowed for each Device ID (octets), locked until the transaction ends."""
        octets = list(devices)
        await connection.execute(_COUNTS_READY, octets)
        return {row[0]: (row[1], row[2]) for row in await connection.fetch(_COUNTS, octets)}

    async def set_counts(self, connection: PoolConnectionProxy, issued: dict[bytes, int]) -> None:
        await connection.execute(_COUNTED, list(issued), list(issued.values()))

    async def allow(self, connection: PoolConnectionProxy, device: Eui64, allowed: int) -> None:
        """Raise the limit of certificates for one Device ID."""
        await connection.execute(_COUNTS_READY, [device.octets])
        await connection.execute("UPDATE device_counts SET allowed = $2 WHERE eui = $1", device.octets, allowed)
