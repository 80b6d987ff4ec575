"""How commands find the suite they talk to: a state file, an admin address, or the usual port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from dccemu_protocol.errors import ProtocolError
from dccemu_sdk.admin import AdminClient
from dccemu_sdk.errors import SdkError
from dccemu_sdk.stack import State

USUAL_ADMIN = "http://127.0.0.1:9080"

StateFile = Annotated[
    Path | None, typer.Option("--state", exists=True, dir_okay=False, help="the file that dccemu up --state wrote")
]
AdminUrl = Annotated[
    str | None, typer.Option("--admin", envvar="DCCEMU_ADMIN", help=f"admin address of the suite ({USUAL_ADMIN})")
]


def admin_address(state: Path | None, admin: str | None) -> str:
    """The admin address of the suite that is meant."""
    if admin is not None:
        return admin
    if state is not None:
        return State.read(state).admin
    return USUAL_ADMIN


@contextmanager
def admin_client(state: Path | None, admin: str | None) -> Iterator[AdminClient]:
    """A client of the suite's admin port; a refusal is one line on stderr and exit status 1."""
    try:
        url = admin_address(state, admin)
    except SdkError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    client = AdminClient(url, timeout=30.0)
    try:
        yield client
    except (SdkError, ProtocolError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except httpx.HTTPError as error:
        typer.echo(f"{url}: {error} (is `dccemu up` running?)", err=True)
        raise typer.Exit(1) from None
    finally:
        client.close()


def running_suite(state: Path | None, admin: str | None) -> State | None:
    """Where everything of the suite is; None when nobody named one and none is on the usual port.

    Raises
    ------
    SdkError
        When the suite that was named does not answer.
    """
    if state is not None:
        return State.read(state)
    client = AdminClient(admin or USUAL_ADMIN, timeout=5.0)
    try:
        document = client.call("GET", "/admin/users")
    except httpx.TransportError as error:
        if admin is None:
            return None
        raise SdkError(f"{admin}: {error or type(error).__name__} (is `dccemu up` running?)") from error
    finally:
        client.close()
    if not isinstance(document, dict):
        raise SdkError(f"{admin or USUAL_ADMIN} does not say where the suite listens")
    return State.of(document)
