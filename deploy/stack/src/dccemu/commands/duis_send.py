"""`dccemu duis send`: sign a request, send it, sign the Pre-Command, wait for the Response and print it decoded."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

import httpx
import typer

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import keystore
from dccemu_sdk import (
    AdminClient,
    DCCSigners,
    Directory,
    GatewayClient,
    Identity,
    Outcome,
    Receiver,
    Repository,
    SdkError,
    User,
    client_tls,
)
from dccemu_sdk.decode import describe
from dccemu_sdk.stack import State

from .suite import USUAL_ADMIN

DEMONSTRATION = b"""<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>
<sr:RequestID>90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:0</sr:RequestID>
<sr:CommandVariant>1</sr:CommandVariant><sr:ServiceReference>4.1</sr:ServiceReference>
<sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant></sr:Header><sr:Body>
<sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"""
"""Service Request 4.1.1, Read Instantaneous Import Registers: what a newcomer sends first."""


def _surroundings(state: Path | None, admin: str) -> dict[str, str]:
    """Addresses and key store: from the state file, else from the admin port of a suite on the usual ports."""
    if state is not None:
        return dict(State.read(state).all)
    client = AdminClient(admin, timeout=5.0)
    try:
        document = client.call("GET", "/admin/users")
    except httpx.TransportError as error:
        raise SdkError(f"{admin}: {error or type(error).__name__} (is `dccemu up` running?)") from error
    finally:
        client.close()
    if not isinstance(document, dict):
        raise SdkError("the suite does not say where it listens")
    return {str(name): str(value) for name, value in document.items()}


class Surroundings:
    """Everything a User needs, opened from what the suite says about itself and closed together."""

    def __init__(self, at: Mapping[str, str], keys: Path) -> None:
        self._at = at
        self._open = contextlib.ExitStack()
        self._store = keystore.load(keys)
        repository = Repository(at["smki"])
        self._open.callback(repository.close)
        self._signers = DCCSigners(self._store, repository)
        self.directory = Directory(self._store, repository)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def gateway(self, url: str | None, tls: tuple[Path, Path, Path] | None) -> GatewayClient:
        """A client of the gateway, with mutual TLS where certificate, key and CA are given."""
        name = "duis" if tls is None else "duis_tls"
        context = None if tls is None else client_tls(*tls)
        return self._open.enter_context(GatewayClient(url or self._at[name], self._signers, tls=context))

    def user(self, eui: str, gateway: GatewayClient, receive_host: str | None) -> User:
        """The User; with a host to listen on, the gateway is told to push there."""
        identity = Identity(self._store, Eui64.parse(eui))
        receiver = None
        if receive_host is not None:
            receiver = self._open.enter_context(Receiver(self._signers, host=receive_host))
            admin = AdminClient(self._at["admin"])
            self._open.callback(admin.close)
            admin.set_receiver(str(identity.eui), receiver.url)
        return User(identity, gateway, receiver)


def _show(outcome: Outcome, directory: Directory) -> None:
    typer.echo(
        json.dumps(
            {
                "request_id": str(outcome.request_id),
                "code": outcome.code,
                "answers": [describe(answer, directory) for answer in outcome.answers],
            },
            indent=2,
            default=str,
        )
    )


def read_file(name: str) -> bytes:
    """Read a file, or the standard input for ``-``."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}") from error


def send(
    document: Annotated[str | None, typer.Argument(metavar="FILE|-", help="a DUIS request or template")] = None,
    party: Annotated[
        str | None, typer.Option("--as", metavar="EUI", help="the User that sends; default: the demonstration Supplier")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="wait for the Device's Response")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="send 4.1.1, a read of the import registers, instead of FILE")
    ] = False,
    device: Annotated[str | None, typer.Option(metavar="EUI", help="address this Device instead")] = None,
    command_variant: Annotated[
        int | None, typer.Option("--cv", min=1, max=9, help="use this Command Variant instead")
    ] = None,
    keep_counter: Annotated[
        bool, typer.Option("--keep-counter", help="leave the RequestID's counter as it is")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="ask for a critical Command for local delivery (CV 6)")
    ] = False,
    answers: Annotated[int, typer.Option(min=1, help="how many pushed documents to wait for")] = 1,
    timeout: Annotated[float, typer.Option(min=0, help="seconds to wait for them")] = 30.0,
    state: Annotated[
        Path | None, typer.Option(help="the file that dccemu up --state wrote", exists=True, dir_okay=False)
    ] = None,
    admin: Annotated[str, typer.Option(help="admin address of the suite, where there is no state file")] = USUAL_ADMIN,
    url: Annotated[str | None, typer.Option(help="address of the gateway; default: what the suite says")] = None,
    keys: Annotated[
        Path | None, typer.Option("--keystore", help="keys and certificates; default: what the suite says", exists=True)
    ] = None,
    tls: Annotated[tuple[Path, Path, Path] | None, typer.Option(help="CERTIFICATE KEY CA: mutual TLS")] = None,
    receive_host: Annotated[str, typer.Option(help="where to listen for what the gateway pushes")] = "127.0.0.1",
) -> None:
    """Send a Service Request all the way and print every answer as JSON; exit status 1 for an error code."""
    if demo == (document is not None):
        raise typer.BadParameter("give a FILE, or --demo without one")
    content = DEMONSTRATION if document is None else read_file(document)
    try:
        at = _surroundings(state, admin)
        with Surroundings(at, keys or Path(at["keystore"])) as around:
            gateway = around.gateway(url, tls)
            outcome = around.user(party or at["supplier"], gateway, receive_host if wait else None).send(
                content,
                target=device,
                command_variant=command_variant,
                keep_counter=keep_counter,
                local=local,
                wait=wait,
                answers=answers,
                timeout=timeout,
            )
            _show(outcome, around.directory)
    except KeyError as error:
        typer.echo(f"the suite does not say where its {error.args[0]} is; name it with an option", err=True)
        raise typer.Exit(1) from error
    except (ProtocolError, SdkError, httpx.TransportError) as error:
        typer.echo(f"{document or 'demo'}: {error or type(error).__name__}", err=True)
        raise typer.Exit(1) from error
    if outcome.last.is_error:
        raise typer.Exit(1)
