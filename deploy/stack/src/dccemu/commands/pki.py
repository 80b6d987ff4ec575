"""`dccemu pki`: issue, revoke, list, show and export certificates of the running suite."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import keystore
from dccemu_sdk.admin import AdminClient, Json
from dccemu_sdk.errors import SdkError

from .pki_files import Form, read, write, write_private
from .suite import AdminUrl, StateFile, admin_client

app = typer.Typer(no_args_is_help=True, help="Certificates of the running suite: issue, revoke, list, show, export.")

Password = Annotated[str, typer.Option(help="of PKCS#12 files; default: none")]


@app.command()
def issue(
    eui: Annotated[
        str | None, typer.Option(help="User ID: a ready set of keys and certificates is made for it")
    ] = None,
    role: Annotated[int, typer.Option(help="Remote Party Role of the set: 2, 3, 8 or 127")] = 2,
    csr: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PKCS#10 file, PEM, base64 or DER")
    ] = None,
    top_up: Annotated[bool, typer.Option("--top-up", help="the certificate is for prepayment top-up")] = False,
    test: Annotated[bool, typer.Option("--test", help="issue Test Certificates")] = False,
    form: Annotated[Form, typer.Option("--format", help="how a set is written")] = Form.LIST,
    out: Annotated[Path, typer.Option(help="folder, or a .json file")] = Path("certificates"),
    password: Password = "",
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Issue a ready set for a User (--eui), or a certificate from a CSR (--csr)."""
    if (eui is None) == (csr is None):
        raise typer.BadParameter("give exactly one of --eui and --csr")
    with admin_client(state, admin) as client:
        if csr is not None:
            for path in _from_csr(client, csr, out, top_up=top_up, test=test):
                typer.echo(path)
            return
        answer = client.call("POST", "/admin/smki/certificate-sets", {"eui": eui, "role": role, "test": test})
        assert isinstance(answer, dict)
        for path in write(keystore.load(str(answer["keystore"])), out, form, password):
            typer.echo(path)


def _from_csr(client: AdminClient, csr: Path, out: Path, *, top_up: bool, test: bool) -> Iterator[Path]:
    content = csr.read_bytes()
    text = content.hex() if content[:1] == b"\x30" else content.decode("latin-1")
    for kind in ("organisation", "device"):
        try:
            answer = client.call(
                "POST", f"/admin/smki/{kind}-certificates", {"csr": text, "top_up": top_up, "test": test}
            )
            break
        except SdkError as error:
            if kind == "device" or "not of a organisation" not in str(error):
                raise
    assert isinstance(answer, dict)
    made = answer["certificates"]
    assert isinstance(made, list)
    for certificate in made:
        assert isinstance(certificate, dict)
        yield write_private(out / f"{certificate['serial']}.pem", str(certificate["pem"]).encode())


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(help="serial number in hexadecimal")],
    grounds: Annotated[str, typer.Option(help="why")] = "key-compromised",
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Revoke an Organisation Certificate; the new CRL is lodged at once."""
    with admin_client(state, admin) as client:
        answer = client.call("POST", f"/admin/smki/certificates/{serial}/revoke", {"grounds": grounds})
        typer.echo(json.dumps(answer, indent=1))


@app.command(name="list")
def list_certificates(
    eui: Annotated[str | None, typer.Option(help="only those of this owner")] = None,
    kind: Annotated[str | None, typer.Option(help="root, issuing, organisation or device")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """List certificates."""
    with admin_client(state, admin) as client:
        for one in certificates(client, eui, kind):
            typer.echo(json.dumps(one) if as_json else _line(one))


def _line(one: dict[str, object]) -> str:
    role = "" if one["role"] is None else f"role {one['role']}"
    return (
        f"{one['serial']}  {one['status']}  {one['kind']!s:12} {one['eui'] or '':23}  "
        f"{one['usage']!s:16} {role:8} {one['issuer']}"
    )


@app.command()
def show(
    serial: Annotated[str, typer.Argument(help="serial number in hexadecimal")],
    pem: Annotated[bool, typer.Option("--pem", help="only the certificate")] = False,
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Show one certificate."""
    with admin_client(state, admin) as client:
        one = client.call("GET", f"/admin/smki/certificates/{serial}")
        assert isinstance(one, dict)
        typer.echo(one["pem"] if pem else json.dumps(one, indent=1))


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="folder to write to")] = Path("certificates"),
    eui: Annotated[str | None, typer.Option(help="only those of this owner")] = None,
    der: Annotated[bool, typer.Option("--der", help="DER instead of PEM")] = False,
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Export certificates (without keys: those never leave their service) as files named by serial."""
    with admin_client(state, admin) as client:
        count = 0
        for one in certificates(client, eui):
            full = client.call("GET", f"/admin/smki/certificates/{one['serial']}")
            assert isinstance(full, dict)
            content = base64.b64decode(str(full["der"])) if der else str(full["pem"]).encode()
            write_private(out / f"{one['serial']}.{'cer' if der else 'pem'}", content)
            count += 1
        typer.echo(f"{count} certificates in {out}")


def certificates(client: AdminClient, eui: str | None = None, kind: str | None = None) -> Iterator[dict[str, object]]:
    """All certificates that fit, page by page."""
    after: str | None = None
    while True:
        page = client.call("GET", "/admin/smki/certificates", None, eui=eui, kind=kind, after=after, limit=500)
        assert isinstance(page, dict)
        shown = page["certificates"]
        assert isinstance(shown, list)
        for one in shown:
            assert isinstance(one, dict)
            yield dict(one)
        after = str(page["next"]) if page["next"] else None
        if after is None:
            return


@app.command()
def recover(
    user: Annotated[str, typer.Argument(help="EUI-64 whose keys are compromised")],
    way: Annotated[str, typer.Option(help="recovery: the User's newest certificates; acb: the broker's")] = "recovery",
    device: Annotated[list[str] | None, typer.Option(help="only these Devices (repeatable)")] = None,
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Replace a User's certificates on its Devices with Commands signed by the Recovery key."""
    with admin_client(state, admin) as client:
        body: dict[str, Json] = {"way": way, "user": user, "devices": list(device or [])}
        started = client.call("POST", "/admin/smki/recoveries", body)
        assert isinstance(started, dict)
        commands = started["commands"]
        assert isinstance(commands, list)
        typer.echo(f"recovery {started['id']}: {len(commands)} Commands sent")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(exists=True, help="JSON of either form, PKCS#12, or a folder of PEM")],
    out: Annotated[Path, typer.Argument(help="folder, or a .json file")],
    form: Annotated[Form, typer.Option("--format")] = Form.LIST,
    password: Password = "",
) -> None:
    """Convert a key store between its forms; works without a running suite."""
    try:
        for path in write(read(source, password), out, form, password):
            typer.echo(path)
    except ProtocolError as error:
        typer.echo(f"{source}: {error}", err=True)
        raise typer.Exit(1) from None
