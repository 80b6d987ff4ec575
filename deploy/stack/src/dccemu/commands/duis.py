"""`dccemu duis`: sign, verify and check DUIS documents, and send one all the way."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from dccemu_protocol import catalogue
from dccemu_protocol.duis import (
    Element,
    check_version,
    parse_document,
    read_request,
    read_request_id,
    read_response,
    validate,
)
from dccemu_protocol.duis.schema.official import OfficialSchema
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, keystore
from dccemu_protocol.xmldsig import verify as verify_signature
from dccemu_sdk.counters import CounterSource
from dccemu_sdk.documents import address, has_fixed_counter
from dccemu_sdk.errors import SdkError
from dccemu_sdk.identity import Identity

from .duis_send import read_file, send

app = typer.Typer(no_args_is_help=True, help="Sign, verify, check and send DUIS documents.")
app.command("send")(send)

KeystoreFile = Annotated[Path, typer.Option("--keystore", help="keys and certificates (JSON)", exists=True)]
AsUser = Annotated[str | None, typer.Option("--as", metavar="EUI", help="the party that signs, or must have signed")]
Document = Annotated[str, typer.Argument(metavar="FILE|-", help="a DUIS document; - reads the standard input")]


def _open(path: Path) -> Keystore:
    try:
        return keystore.load(path)
    except ProtocolError as error:
        raise typer.BadParameter(f"{path}: {error.detail}", param_hint="--keystore") from error


def _code(rule: str) -> str:
    """The code that a User would see for a rule, or the HTTP status where nobody could be answered."""
    try:
        known = catalogue.rule(rule)
    except EmulatorError:
        return rule
    return known.code or f"HTTP {known.http_status}"


def _fail(name: str, error: Exception) -> typer.Exit:
    rule = error.rule if isinstance(error, ProtocolError) else type(error).__name__
    code = _code(rule) if isinstance(error, ProtocolError) else "error"
    typer.echo(f"{name}: {code}: {error}", err=True)
    return typer.Exit(1)


def _signer_of(root: Element, store: Keystore, party: str | None) -> Identity:
    """``--as``, else the originator of a Request, else the first DCC XML signer of the key store."""
    if party is not None:
        return Identity(store, Eui64.parse(party))
    if root.tag.endswith("}Request"):
        return Identity(store, read_request_id(root).originator)
    for entry in store:
        if entry.role == 137 and store.key_for(entry) is not None:
            return Identity(store, entry.eui)
    raise ProtocolError("SIGNATURE_SIGNER_UNKNOWN", "the key store has no DCC XML signing key; name one with --as")


@app.command()
def sign(
    document: Document,
    keys: KeystoreFile,
    party: AsUser = None,
    keep_counter: Annotated[
        bool, typer.Option("--keep-counter", help="leave the RequestID as it is; else it gets the time in milliseconds")
    ] = False,
) -> None:
    """Sign a document as a published client would; the signed document goes to the standard output."""
    try:
        content = read_file(document)
        root = parse_document(content)
        identity = _signer_of(root, _open(keys), party)
        if root.tag.endswith("}Request") and not keep_counter:
            request = read_request(root)
            if not has_fixed_counter(request):
                content = address(content, counter=CounterSource().next())
        signed = identity.sign_document(content)
    except (ProtocolError, SdkError) as error:
        raise _fail(document, error) from error
    sys.stdout.buffer.write(signed + b"\n")


@app.command()
def verify(document: Document, keys: KeystoreFile, party: AsUser = None) -> None:
    """Verify the XML signature of a document; one JSON object says who signed what."""
    store = _open(keys)
    try:
        verified = verify_signature(parse_document(read_file(document)), store)
        certificate = store.by_issuer_serial(verified.issuer, verified.serial)
        if party is not None and (certificate is None or certificate.eui != Eui64.parse(party)):
            owner = None if certificate is None else certificate.eui
            raise ProtocolError("SIGNATURE_SIGNER_NOT_ORIGINATOR", f"the signer is {owner}, not {party}")
    except ProtocolError as error:
        failure = {"rule": error.rule, "code": _code(error.rule), "detail": error.detail, "place": error.place}
        typer.echo(json.dumps({"file": document, "signature": "invalid", "error": failure}))
        raise typer.Exit(1) from error
    typer.echo(
        json.dumps(
            {
                "file": document,
                "signature": "valid",
                "signer": None if certificate is None or certificate.eui is None else str(certificate.eui),
                "role": None if certificate is None else certificate.role,
                "serial": str(verified.serial),
                "issuer": verified.issuer,
            }
        )
    )


def _check(content: bytes, official: OfficialSchema | None) -> str:
    root = parse_document(content)
    validate(root)
    if official is not None:
        official.validate(root)
    if root.tag.endswith("}Response"):
        response = read_response(root)
        return f"{response.kind}, {response.response_code}"
    check_version(root)
    request = read_request(root)
    variant = catalogue.service_requests[request.service_reference_variant]
    if request.body_name not in (variant.body_element, "SignedPreCommand"):
        raise ProtocolError(
            "REFERENCE_MISMATCH", f"{request.body_name} is not the body of {variant.srv}, {variant.body_element} is"
        )
    if variant.service_reference != request.service_reference:
        raise ProtocolError("REFERENCE_MISMATCH", f"{variant.srv} belongs to {variant.service_reference}")
    return f"{variant.srv} {variant.name}, CV {request.command_variant}"


@app.command("validate")
def validate_files(
    documents: Annotated[list[str], typer.Argument(metavar="FILE...", help="DUIS documents; - is the standard input")],
    schema: Annotated[
        Path | None, typer.Option("--schema", help="an official DUIS schema to check against as well", exists=True)
    ] = None,
) -> None:
    """Check documents against the schema; a line for each, exit status 1 when one does not follow it."""
    try:
        official = None if schema is None else OfficialSchema(schema)
    except EmulatorError as error:
        raise _fail(str(schema), error) from error
    failed = False
    for name in documents:
        try:
            typer.echo(f"{name}: valid: {_check(read_file(name), official)}")
        except ProtocolError as error:
            failed = True
            typer.echo(f"{name}: {_code(error.rule)}: {error}", err=True)
    if failed:
        raise typer.Exit(1)
