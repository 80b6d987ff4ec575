"""`dccemu up`: bring the suite up."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from . import up_values as values
from .up_values import LogLevel, Pki

app = typer.Typer(help="Bring the whole suite up: five services, their database and, isolated, a broker.")

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"


@app.callback(invoke_without_command=True)
def up(
    pki: Annotated[Pki, typer.Option(help="mint: a fresh hierarchy; import FILE: existing test material")] = Pki.MINT,
    pki_file: Annotated[Path | None, typer.Option(hidden=True, exists=True, dir_okay=False)] = None,
    scenario: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Parties and Devices")] = None,
    data: Annotated[
        Path | None, typer.Option(file_okay=False, help="keep everything here; default: a temporary folder")
    ] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="a process for each service over a broker")] = False,
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT of a Kafka-protocol broker to use")] = None,
    database: Annotated[str | None, typer.Option(help="URL of a PostgreSQL to use")] = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    duis_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="DUIS over HTTP (8079; 0: a free one)")
    ] = None,
    duis_tls_port: Annotated[int | None, typer.Option(min=0, max=65535, help="DUIS over mutual TLS (8443)")] = None,
    smki_port: Annotated[int | None, typer.Option(min=0, max=65535, help="SMKI (8083)")] = None,
    inventory_port: Annotated[int | None, typer.Option(min=0, max=65535, help="inventory (8084)")] = None,
    cos_party_port: Annotated[int | None, typer.Option(min=0, max=65535, help="CoS Party (8085)")] = None,
    sm_wan_port: Annotated[int | None, typer.Option(min=0, max=65535, help="SM WAN (8086)")] = None,
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="admin, journal, API pages")] = 9080,
    receive: Annotated[list[str] | None, typer.Option(help="EUI=URL: a User's Receive Response Service")] = None,
    clock: Annotated[str | None, typer.Option(help="start frozen at this ISO 8601 instant")] = None,
    seed: Annotated[int | None, typer.Option(help="make keys, ids and times repeatable")] = None,
    state: Annotated[
        Path | None, typer.Option(dir_okay=False, help="write the addresses to this file when ready")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="what is written to the log")] = LogLevel.WARNING,
) -> None:
    """Bring the suite up and keep it up until SIGTERM."""
    began = time.monotonic()
    import uvloop
    from asyncpg.exceptions import InterfaceError, PostgresError

    from dccemu_protocol.errors import EmulatorError, ProtocolError
    from dccemu_runtime import logs

    from ..up.claim import claim
    from ..up.options import Options
    from ..up.run import run

    receivers, start = values.receivers(receive or []), values.instant(clock)
    keys, parties = values.key_store(pki, pki_file), values.scenario_file(scenario or SCENARIOS / "demo.yaml")
    database, kafka, state = values.database_url(database), values.broker(kafka), values.state_file(state)
    chosen = {
        "duis": duis_port,
        "duis_tls": duis_tls_port,
        "smki": smki_port,
        "inventory": inventory_port,
        "cos_party": cos_party_port,
        "sm_wan": sm_wan_port,
    }
    logs.configure("console", log_level.value, service="dccemu")
    with tempfile.TemporaryDirectory(prefix="dccemu-", ignore_cleanup_errors=True) as temporary:
        folder = (data or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        options = Options(
            data=folder,
            keystore=keys,
            scenario=parties,
            isolated=isolated or kafka is not None,
            kafka=kafka,
            database=database,
            host=host,
            ports={name: port for name, port in chosen.items() if port is not None},
            admin_port=admin_port,
            receive=receivers,
            clock=start,
            seed=seed,
            state=state,
            log_level=log_level.value,
        )
        try:
            with claim(folder):
                status = uvloop.run(run(options, began))
        except (OSError, TimeoutError, EmulatorError, ProtocolError, PostgresError, InterfaceError) as error:
            if log_level is LogLevel.DEBUG:
                raise
            typer.echo(f"dccemu up: {error or type(error).__name__} (--log-level debug shows where)", err=True)
            status = 1
    raise typer.Exit(status)
