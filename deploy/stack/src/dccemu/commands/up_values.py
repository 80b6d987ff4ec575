"""The values of `dccemu up`'s options: each is read here, or refused with the name of the option and what would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import typer

from dccemu_contracts.scenario import parse_scenario
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import keystore
from dccemu_runtime.clock import EARLIEST, LATEST

_ADDRESS = re.compile(r"[^\s:/,]+:[0-9]{1,5}(,[^\s:/,]+:[0-9]{1,5})*")


class Pki(StrEnum):
    """Where keys and certificates come from."""

    MINT = "mint"
    IMPORT = "import"


class LogLevel(StrEnum):
    """From which level on the log is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def receivers(pairs: Sequence[str]) -> dict[str, str]:
    """``EUI=URL`` pairs as the User's EUI-64 and its Receive Response Service."""
    found = {}
    for pair in pairs:
        eui, _, url = pair.partition("=")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise typer.BadParameter(f"{pair!r} is not EUI=URL with an http or https URL", param_hint="--receive")
        try:
            found[str(Eui64.parse(eui))] = url
        except ProtocolError as error:
            raise typer.BadParameter(f"{pair!r}: {error.detail}", param_hint="--receive") from None
    return found


def instant(text: str | None) -> datetime | None:
    """An ISO 8601 instant; without an offset it is UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 instant", param_hint="--clock") from error
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    if not EARLIEST <= found <= LATEST:
        between = f"between {EARLIEST.isoformat()} and {LATEST.isoformat()}"
        raise typer.BadParameter(f"{text!r} is not {between}", param_hint="--clock")
    return found


def key_store(pki: Pki, path: Path | None) -> Path | None:
    """The file of ``--pki import FILE``, read once to see that it is one."""
    if pki is Pki.MINT:
        return None
    if path is None:
        raise typer.BadParameter("import needs a file: --pki import FILE", param_hint="--pki")
    try:
        keystore.load(path)
    except (ProtocolError, OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--pki import") from None
    return path.resolve()


def scenario_file(path: Path) -> Path:
    """A scenario file, read once to see that it is one."""
    try:
        parse_scenario(path.read_text(encoding="utf-8"))
    except (ProtocolError, OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--scenario") from None
    return path.resolve()


def database_url(text: str | None) -> str | None:
    """The URL of a PostgreSQL."""
    if text is not None and urlsplit(text).scheme not in ("postgresql", "postgres"):
        raise typer.BadParameter(f"{text!r} is not postgresql://USER@HOST:PORT/NAME", param_hint="--database")
    return text


def broker(text: str | None) -> str | None:
    """``HOST:PORT`` of a Kafka-protocol broker."""
    if text is not None and _ADDRESS.fullmatch(text) is None:
        raise typer.BadParameter(f"{text!r} is not HOST:PORT", param_hint="--kafka")
    return text


def state_file(path: Path | None) -> Path | None:
    """The state file's place, whose folder must be there before the suite is up."""
    if path is None:
        return None
    if not path.resolve().parent.is_dir():
        raise typer.BadParameter(f"{path}: there is no folder {path.resolve().parent}", param_hint="--state")
    return path.resolve()
