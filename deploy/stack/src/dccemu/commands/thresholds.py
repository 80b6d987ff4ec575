"""`dccemu thresholds`: file signing tokens, signed files of threshold anomaly detection, the quarantine report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from dccemu_protocol.anomaly import SignedFile
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import RemotePartyRole, keystore
from dccemu_sdk.anomaly import AnomalyDetection, sign_with_token
from dccemu_sdk.errors import SdkError

from .pki_files import write_private
from .suite import AdminUrl, StateFile, admin_client, running_suite

app = typer.Typer(no_args_is_help=True, help="Thresholds of anomaly detection: signed files, quarantine.")

User = Annotated[str, typer.Option("--user", metavar="EUI", help="the User ID")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the CSV file")]
Duis = Annotated[str | None, typer.Option("--url", help="address of the gateway (or of the CoS Party: send only)")]


@contextmanager
def _client(state: Path | None, admin: str | None, url: str | None) -> Iterator[AnomalyDetection]:
    """A client of the interface; a refusal is one line on stderr and exit status 1."""
    client: AnomalyDetection | None = None
    try:
        suite = None if url is not None else running_suite(state, admin)
        if url is None and suite is None:
            raise SdkError("no suite is named and none is on the usual port; give --state, --admin or --url")
        client = AnomalyDetection(url or (suite.duis if suite is not None else ""))
        yield client
    except (SdkError, ProtocolError, httpx.HTTPError) as error:
        typer.echo(str(error) or type(error).__name__, err=True)
        raise typer.Exit(1) from None
    finally:
        if client is not None:
            client.close()


@app.command()
def token(
    user: User,
    out: Annotated[Path, typer.Option(help="the key store to write (JSON)")] = Path("file-signing-token.json"),
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Obtain a file signing token for a User: a key and its certificate (role 136)."""
    with admin_client(state, admin) as client:
        body = {"eui": str(Eui64.parse(user)), "role": int(RemotePartyRole.FILE_SIGNING)}
        answer = client.call("POST", "/admin/smki/certificate-sets", body)  # type: ignore[arg-type]
        assert isinstance(answer, dict)
        typer.echo(write_private(out, str(answer["keystore"]).encode()))


@app.command()
def reference(user: User, state: StateFile = None, admin: AdminUrl = None, url: Duis = None) -> None:
    """Obtain the reference number for one file."""
    with _client(state, admin, url) as client:
        typer.echo(client.reference(Eui64.parse(user)))


@app.command()
def sign(
    file: File,
    keys: Annotated[Path, typer.Option("--keystore", exists=True, help="the file signing token")],
    user: Annotated[str | None, typer.Option("--user", metavar="EUI", help="whose, if the token has several")] = None,
) -> None:
    """Sign a file: FILE.sig and FILE.sig.json are written beside it."""
    try:
        signed = sign_with_token(file.read_bytes(), keystore.load(keys), None if user is None else Eui64.parse(user))
    except (SdkError, ProtocolError) as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(1) from None
    for suffix, text in ((".sig", signed.signature_text), (".sig.json", signed.certificate_text)):
        path = file.with_name(file.name + suffix)
        path.write_text(text + "\n", encoding="ascii")
        typer.echo(path)


@app.command()
def send(
    file: File,
    kind: Annotated[Literal["thresholds", "actions"], typer.Option(help="what the file holds")] = "thresholds",
    state: StateFile = None,
    admin: AdminUrl = None,
    url: Duis = None,
) -> None:
    """Send a signed file with its FILE.sig and FILE.sig.json; the acknowledgement goes to the standard output."""
    with _client(state, admin, url) as client:
        typer.echo(json.dumps(client.send(kind, _signed(file))))


def _signed(file: Path) -> SignedFile:
    beside = {suffix: file.with_name(file.name + suffix) for suffix in (".sig", ".sig.json")}
    try:
        signature, certificate = (path.read_text("ascii") for path in beside.values())
        document = {
            "csv": file.read_bytes().decode("utf-8"),
            "signature": signature,
            "certificate": json.loads(certificate),
        }
    except (OSError, ValueError) as error:
        raise SdkError(f"{file}: {error} (is it signed? `dccemu thresholds sign`)") from None
    return SignedFile.of_json(document)


@app.command()
def show(user: User, state: StateFile = None, admin: AdminUrl = None, url: Duis = None) -> None:
    """Show a User's thresholds, which are in force and what counts now: one JSON object a line."""
    with _client(state, admin, url) as client:
        rows = client.thresholds(Eui64.parse(user))
        for row in rows if isinstance(rows, list) else []:
            typer.echo(json.dumps(row))


@app.command()
def report(user: User, state: StateFile = None, admin: AdminUrl = None, url: Duis = None) -> None:
    """Give the quarantine report of a User (CSV)."""
    with _client(state, admin, url) as client:
        typer.echo(client.report(Eui64.parse(user)), nl=False)
