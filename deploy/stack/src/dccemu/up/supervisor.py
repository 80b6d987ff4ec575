"""A process for each service, started, watched and started again when it dies.

The supervisor ends only processes that it started, by their process id; when it is killed itself, the system ends them
(on Linux): nothing is lost, for what was acknowledged is durable. A process that dies is started again at once;
one that dies again and again before it has come up waits longer before each start, so that a broken service does not
take the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from dccemu_runtime.local.children import ends_with_parent

log = structlog.get_logger("dccemu.supervisor")

QUICK_DEATH_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
STOP_SECONDS = 4.0


@dataclass(slots=True)
class Child:
    """One supervised process: its command, its environment and the process of the moment.

    ``on_line`` hears every line of the process's standard output; its standard error goes to ours. Whoever hears that
    the process of the moment is ready sets ``came_up``.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    on_line: Callable[[bytes], None] | None = None
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    came_up: bool = False
    pids: list[int] = field(default_factory=list)

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start the process in a session of its own, so that a terminal's Ctrl-C reaches the supervisor only."""
        self.came_up = False
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL if self.on_line is None else asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=ends_with_parent(signal.SIGKILL),
        )
        self.pids.append(self.process.pid)
        return self.process


def python_module(module: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module]


class Supervisor:
    """Keeps a set of children running until it is told to stop."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, child: Child) -> None:
        """Start a child and keep it running."""
        self.children[child.name] = child
        await child.spawn()
        self._watchers.append(asyncio.create_task(self._watch(child), name=f"watch {child.name}"))

    async def _watch(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            process = child.process
            if process is None:
                return
            began = loop.time()
            if process.stdout is not None and child.on_line is not None:
                while line := await process.stdout.readline():
                    child.on_line(line)
            status = await process.wait()
            if self._stopping:
                return
            lived = loop.time() - began
            well = child.came_up or lived > QUICK_DEATH_SECONDS
            pause = 0.0 if well else min(LONGEST_PAUSE_SECONDS, max(0.2, pause * 2))
            log.warning("service died, starting it again", service=child.name, status=status, pause_seconds=pause)
            await asyncio.sleep(pause)
            if self._stopping:
                return
            child.restarts += 1
            await child.spawn()

    def status(self) -> dict[str, dict[str, object]]:
        """Pid, liveness and restarts of every child, for the admin port."""
        return {
            name: {
                "pid": child.process.pid if child.process else None,
                "running": child.process is not None and child.process.returncode is None,
                "restarts": child.restarts,
            }
            for name, child in self.children.items()
        }

    async def stop(self) -> None:
        """Ask every child to end, then make those that have not."""
        self._stopping = True
        # First those that would start a process again: one that is being started is then either there, or ended.
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        running = [
            child.process for child in self.children.values() if child.process and child.process.returncode is None
        ]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        if running:
            waits = [asyncio.create_task(process.wait()) for process in running]
            _, late = await asyncio.wait(waits, timeout=STOP_SECONDS)
            if late:
                for process in running:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await asyncio.wait(late)
