"""Where each User's Receive Response Service is: set by an operator, named in the settings, or told by the
inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dccemu_runtime.database import Database

from .directory import FactsDirectory

_PUT = "INSERT INTO receivers (user_, url) VALUES ($1, $2) ON CONFLICT (user_) DO UPDATE SET url = EXCLUDED.url"
_DELETE = "DELETE FROM receivers WHERE user_ = $1 RETURNING 1"


class Receivers:
    """The addresses, the operator's first, then the settings', then the inventory's."""

    def __init__(self, database: Database, directory: FactsDirectory, named: Mapping[str, str]) -> None:
        self._database = database
        self._directory = directory
        self._named = dict(named)
        self._set: dict[str, str] = {}
        self._listeners: list[Callable[[str], None]] = []

    async def start(self) -> None:
        """Load what an operator set."""
        self._set = {row[0]: row[1] for row in await self._database.pool.fetch("SELECT user_, url FROM receivers")}

    async def stop(self) -> None:
        """Nothing runs."""

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with the User whose address an operator changed."""
        self._listeners.append(callback)

    def url(self, user: str) -> str | None:
        """The address for a User."""
        found = self._set.get(user) or self._named.get(user)
        if found is not None:
            return found
        known = self._directory.user(user)
        return None if known is None else known.receive_url

    def all(self) -> dict[str, str | None]:
        """Every User known, with its address."""
        users = {user.eui for user in self._directory.users()} | set(self._set) | set(self._named)
        return {user: self.url(user) for user in sorted(users)}

    async def put(self, user: str, url: str) -> None:
        """Set an address."""
        await self._database.pool.execute(_PUT, user, url)
        self._set[user] = url
        self._tell(user)

    async def remove(self, user: str) -> bool:
        """Forget an address that was set; False when there is none."""
        found = await self._database.pool.fetchval(_DELETE, user) is not None
        self._set.pop(user, None)
        self._tell(user)
        return found

    def _tell(self, user: str) -> None:
        for callback in self._listeners:
            callback(user)
