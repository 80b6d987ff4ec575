"""`dccemu up`: bring the suite up."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Bring the whole suite up: five services, their database and, isolated, a broker.")

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"


class Pki(StrEnum):
    """Where keys and certificates come from."""

    MINT = "mint"
    IMPORT = "import"


def _receivers(pairs: list[str]) -> dict[str, str]:
    receivers = {}
    for pair in pairs:
        eui, separator, url = pair.partition("=")
        if not separator or not url.startswith(("http://", "https://")):
            raise typer.BadParameter(f"{pair!r} is not EUI=URL", param_hint="--receive")
        receivers[eui.upper()] = url
    return receivers


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 instant", param_hint="--clock") from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


@app.callback(invoke_without_command=True)
def up(
    pki: Annotated[Pki, typer.Option(help="mint: a fresh hierarchy; import FILE: existing test material")] = Pki.MINT,
    pki_file: Annotated[Path | None, typer.Option(hidden=True, exists=True, dir_okay=False)] = None,
    scenario: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Parties and Devices")] = None,
    data: Annotated[Path | None, typer.Option(help="keep everything here; default: a temporary folder")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="a process for each service over a broker")] = False,
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of a Kafka-protocol broker to use")] = None,
    database: Annotated[str | None, typer.Option(help="URL of a PostgreSQL to use")] = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    duis_port: Annotated[int | None, typer.Option(help="DUIS over HTTP (8079; 0: a free one)")] = None,
    duis_tls_port: Annotated[int | None, typer.Option(help="DUIS over mutual TLS (8443)")] = None,
    smki_port: Annotated[int | None, typer.Option(help="SMKI (8083)")] = None,
    inventory_port: Annotated[int | None, typer.Option(help="inventory (8084)")] = None,
    cos_party_port: Annotated[int | None, typer.Option(help="CoS Party (8085)")] = None,
    sm_wan_port: Annotated[int | None, typer.Option(help="SM WAN (8086)")] = None,
    admin_port: Annotated[int, typer.Option(help="admin, console, docs")] = 9080,
    receive: Annotated[list[str] | None, typer.Option(help="EUI=URL: a User's Receive Response Service")] = None,
    clock: Annotated[str | None, typer.Option(help="start frozen at this ISO 8601 instant")] = None,
    seed: Annotated[int | None, typer.Option(help="make keys, ids and times repeatable")] = None,
    state: Annotated[Path | None, typer.Option(help="write the addresses to this file when ready")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error")] = "warning",
) -> None:
    """Bring the suite up and keep it up until SIGTERM."""
    began = time.monotonic()
    import uvloop

    from dccemu_runtime import logs

    from ..up.options import Options
    from ..up.run import run

    if pki is Pki.IMPORT and pki_file is None:
        raise typer.BadParameter("import needs a file: --pki import FILE", param_hint="--pki")
    chosen = {
        "duis": duis_port,
        "duis_tls": duis_tls_port,
        "smki": smki_port,
        "inventory": inventory_port,
        "cos_party": cos_party_port,
        "sm_wan": sm_wan_port,
    }
    logs.configure("console", log_level, service="dccemu")
    with tempfile.TemporaryDirectory(prefix="dccemu-", ignore_cleanup_errors=True) as temporary:
        folder = (data or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        options = Options(
            data=folder,
            keystore=pki_file.resolve() if pki_file is not None else None,
            scenario=(scenario or SCENARIOS / "demo.yaml").resolve(),
            isolated=isolated or kafka is not None,
            kafka=kafka,
            database=database,
            host=host,
            ports={name: port for name, port in chosen.items() if port is not None},
            admin_port=admin_port,
            receive=_receivers(receive or []),
            clock=_instant(clock),
            seed=seed,
            state=state.resolve() if state is not None else None,
            log_level=log_level,
        )
        status = uvloop.run(run(options, began))
    raise typer.Exit(status)
