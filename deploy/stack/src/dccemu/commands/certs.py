"""`dccemu certs`: what a client must trust and hold, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, keystore
from dccemu_sdk.admin import AdminClient

from .pki import Password, certificates
from .pki_files import Form, write, write_private
from .suite import AdminUrl, StateFile, admin_client

app = typer.Typer(no_args_is_help=True, help="Certificates and keys of the running suite as files.")


@app.callback()
def _root() -> None:
    """Keep ``export`` a command of its own."""


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="folder to write to")] = Path("certificates"),
    eui: Annotated[
        list[str] | None, typer.Option(help="a User whose keys are wanted (repeatable); default: all")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="how the Users' keys are written")] = Form.PEM,
    password: Password = "",
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Write CA certificates and the DCC's certificates, and keys and certificates of the demonstration Users."""
    with admin_client(state, admin) as client:
        count = 0
        authorities = client.call("GET", "/admin/smki/authorities")
        assert isinstance(authorities, list)
        for authority in authorities:
            assert isinstance(authority, dict)
            write_private(out / "ca" / f"{_file_name(str(authority['name']))}.pem", str(authority["pem"]).encode())
            count += 1
        for one in certificates(client, kind="organisation"):
            if one["role"] in (1, 4, 5, 6, 137) and one["status"] == "I":
                count += _write(client, one, out / "dcc", f"role-{one['role']}-{one['usage']}-{one['serial']}")
        typer.echo(f"{count} certificates of CAs and the DCC in {out}")
        store = _users(client, eui or [])
        if len(store):
            written = write(store, out / "users", form, password)
            typer.echo(f"{len(written)} files of Users in {out / 'users'}")


def _write(client: AdminClient, one: dict[str, object], folder: Path, name: str) -> int:
    full = client.call("GET", f"/admin/smki/certificates/{one['serial']}")
    assert isinstance(full, dict)
    write_private(folder / f"{name}.pem", str(full["pem"]).encode())
    return 1


def _users(client: AdminClient, wanted: list[str]) -> Keystore:
    """The key store that the suite keeps for its demonstration Users, where it is on this machine."""
    place = client.call("GET", "/admin/users")
    path = Path(str(place.get("keystore", ""))) if isinstance(place, dict) else Path()
    if not path.is_file():
        return Keystore()
    owners = {Eui64.parse(eui) for eui in wanted}
    return Keystore(entry for entry in keystore.load(path) if not owners or entry.eui in owners)


def _file_name(text: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in text)
