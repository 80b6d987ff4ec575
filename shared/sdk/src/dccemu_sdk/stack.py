"""A suite of one's own: start ``dccemu up`` as a child process on free ports, and end it again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Self

from .errors import SdkError

_PORTS = ("duis", "duis-tls", "smki", "inventory", "cos-party", "sm-wan", "admin")


@dataclass(frozen=True, slots=True)
class State:
    """What ``dccemu up --state FILE`` wrote: an address for every port, and where the Users' keys are."""

    duis: str
    duis_tls: str | None
    smki: str
    admin: str
    pid: int
    keystore: Path | None
    supplier: str | None
    tls_folder: Path | None
    all: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> State:
        """Read a state file.

        Raises
        ------
        SdkError
            When it is not what ``dccemu up --state`` writes.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls.of(document)
        except (OSError, ValueError, AttributeError) as error:
            raise SdkError(f"{path} is not a state file of `dccemu up --state`: {error}") from error
        except KeyError as error:
            raise SdkError(f"{path} is not a state file of `dccemu up --state`: no {error.args[0]}") from error

    @classmethod
    def of(cls, document: Mapping[str, object]) -> State:
        """Take what a state file holds, or what ``GET /admin/users`` answers."""
        text = {str(name): str(value) for name, value in document.items()}
        keystore, folder = text.get("keystore"), text.get("tls_folder")
        return cls(
            duis=text["duis"],
            duis_tls=text.get("duis_tls"),
            smki=text["smki"],
            admin=text["admin"],
            pid=int(text["pid"]),
            keystore=None if keystore is None else Path(keystore),
            supplier=text.get("supplier"),
            tls_folder=None if folder is None else Path(folder),
            all=text,
        )


def command() -> list[str]:
    """The ``dccemu`` command of this environment.

    Raises
    ------
    SdkError
        When it is not installed.
    """
    beside = Path(sys.executable).with_name("dccemu")
    found = str(beside) if beside.exists() else shutil.which("dccemu")
    if found is None:
        raise SdkError("the command dccemu is not installed in this environment")
    return [found]


class Stack:
    """A running suite.

    Parameters
    ----------
    arguments
        More options of ``dccemu up``: ``("--isolated",)``, ``("--pki", "import", "keystore.json")`` and so on.
    receive
        Receive Response Service of each User by EUI.
    folder
        Where to keep state file and log; a temporary folder if None.
    timeout
        Seconds until it must be ready.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        receive: Mapping[str, str] | None = None,
        folder: Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._temporary = TemporaryDirectory(prefix="dccemu-stack-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary is not None else folder or Path()
        self._arguments = list(arguments)
        self._receive = dict(receive or {})
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self.folder / "dccemu.log"

    def _options(self, state: Path) -> list[str]:
        options = ["up", "--state", str(state), *self._arguments]
        given = {argument.partition("=")[0] for argument in self._arguments}
        for port in _PORTS:
            if f"--{port}-port" not in given:
                options += [f"--{port}-port", "0"]
        for eui, url in self._receive.items():
            options += ["--receive", f"{eui}={url}"]
        return options

    def start(self) -> State:
        """Start the suite and wait until it is ready.

        Raises
        ------
        SdkError
            When it ends or is not ready in time; the end of its log is in the message.
        """
        path = self.folder / "state.json"
        path.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*command(), *self._options(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ.copy(),
                start_new_session=True,
            )
        deadline = monotonic() + self._timeout
        while not path.exists():
            if self._process.poll() is not None or monotonic() > deadline:
                ended = self._process.poll()
                self.stop()
                what = f"ended with status {ended}" if ended is not None else f"was not ready in {self._timeout:g} s"
                raise SdkError(f"dccemu up {what}:\n{self.tail()}")
            sleep(0.02)
        return State.read(path)

    def tail(self, length: int = 4000) -> str:
        """The end of the suite's log."""
        return self.log.read_bytes()[-length:].decode("utf-8", "replace") if self.log.exists() else ""

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def stop(self, timeout: float = 10.0) -> int | None:
        """End it with SIGTERM, as a person would; the exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def close(self) -> None:
        """End it and forget its folder if that was temporary."""
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
