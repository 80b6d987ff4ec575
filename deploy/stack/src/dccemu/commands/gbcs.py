"""`dccemu gbcs`: offline tools that make, wrap and read GBCS messages without a running suite."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dccemu_protocol.duis.request import DuisRequest
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.envelope import GbcsMessage
    from dccemu_protocol.gbcs.transform import Transformed
    from dccemu_protocol.identifiers import Eui64
    from dccemu_protocol.pki.keystore import Keystore

    from .gbcs_inputs import Parties

app = typer.Typer(help="Make, wrap and read GBCS messages offline.", no_args_is_help=True)

CLOCK = "2015-01-01T00:00:00Z"
CIN = "1234"

KeystoreFile = Annotated[Path, typer.Option("--keystore", exists=True, dir_okay=False, help="keys and certificates")]
OutFolder = Annotated[Path, typer.Option("--out", file_okay=False, help="folder to write to")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...")]


def _keystore(path: Path) -> Keystore:
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.pki.keystore import load

    try:
        return load(path)
    except ProtocolError as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--keystore") from error


def _code(error: ProtocolError) -> str:
    """The response code of the rule that was broken, or the rule's name where it has none."""
    from dccemu_protocol import catalogue
    from dccemu_protocol.errors import EmulatorError

    try:
        return catalogue.response_code(error.rule)
    except EmulatorError:
        return error.rule


def _refuse(file: Path, error: ProtocolError) -> None:
    reason = " ".join(str(error).split())
    print(f"{file}: {_code(error)}: {reason}", file=sys.stderr)


@app.command()
def transform(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Service Requests or folders of them")],
    keystore: KeystoreFile,
    out: OutFolder,
    devices: Annotated[Path | None, typer.Option(help="JSON: Devices by EUI or by stem")] = None,
    clock: Annotated[str, typer.Option(help="the time at which the gateway makes the messages")] = CLOCK,
    role_counters: Annotated[Path | None, typer.Option(help="JSON: counters of the DCC roles by stem")] = None,
    cin: Annotated[str, typer.Option(help="Customer Identification Number")] = CIN,
) -> None:
    """Turn Service Requests into Pre-Commands and Commands."""
    from dccemu_protocol import catalogue
    from dccemu_protocol.duis.document import parse_document
    from dccemu_protocol.duis.request import read_request
    from dccemu_protocol.duis.schema import validate
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.envelope import encode
    from dccemu_protocol.gbcs.transform import transform as make

    from . import gbcs_inputs as inputs

    parties = inputs.Parties.of(_keystore(keystore))
    inventory = inputs.Inventory.of(inputs.read_object(devices, "--devices"))
    counters = inputs.read_object(role_counters, "--role-counters")
    now = inputs.instant(clock)
    out.mkdir(parents=True, exist_ok=True)
    failed = False
    for file in inputs.request_files(paths):
        stem = inputs.stem_of(file)
        try:
            root = parse_document(_read(file))
            validate(root)
            request = read_request(root)
            variant = catalogue.service_requests.get(request.service_reference_variant)
            if variant is not None and variant.non_device:
                print(f"{file}: skipped: {variant.srv} {variant.name} is not for a Device")
                continue
            made = make(request, inputs.context_of(request, stem, now, cin, parties, inventory, counters))
            message = made.message if made.signer == "user" else _complete(made, request, parties)
        except ProtocolError as error:
            _refuse(file, error)
            failed = True
            continue
        kind = "PRECOMMAND" if made.signer == "user" else "COMMAND"
        (out / f"{stem}_{kind}_GBCS.HEX").write_text(encode(message).hex().upper(), "ascii")
    raise typer.Exit(1 if failed else 0)


def _complete(made: Transformed, request: DuisRequest, parties: Parties) -> GbcsMessage:
    """Sign as the DCC role that signs, and add the broker's MAC."""
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.crypto import add_mac, sign
    from dccemu_protocol.pki.names import RemotePartyRole, Usage

    message = made.message
    if made.signer is not None:
        role = RemotePartyRole.TRANSITIONAL_COS if made.signer == "cos" else RemotePartyRole.ACCESS_CONTROL_BROKER
        key = parties.keystore.private_key(message.originator, Usage.DIGITAL_SIGNATURE, role)
        if key is None:
            raise ProtocolError("CANNOT_TRANSFORM", f"the key store has no signing key of {message.originator}")
        message = sign(message, key)
    return add_mac(message, _secret(parties, request.device)) if made.mac else message


def _secret(parties: Parties, device: Eui64) -> bytes:
    """The shared secret of broker and Device."""
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.crypto import shared_secret
    from dccemu_protocol.pki.names import RemotePartyRole, Usage

    store = parties.keystore
    private = store.private_key(parties.broker, Usage.KEY_AGREEMENT, RemotePartyRole.ACCESS_CONTROL_BROKER)
    certificate = store.certificate(device, Usage.KEY_AGREEMENT)
    if private is None or certificate is None:
        missing = parties.broker if private is None else device
        raise ProtocolError("CANNOT_TRANSFORM", f"the key store has no key agreement key of {missing}")
    return shared_secret(private, certificate.public_key)


@app.command()
def command(files: Files, keystore: KeystoreFile, out: OutFolder) -> None:
    """Turn Signed Pre-Commands into Commands: add the broker's MAC."""
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.envelope import decode, encode
    from dccemu_protocol.gbcs.transform import command_from_pre_command

    from .gbcs_inputs import Parties

    parties = Parties.of(_keystore(keystore))
    out.mkdir(parents=True, exist_ok=True)
    failed = False
    for file in files:
        try:
            signed = decode(_octets(file))
            made = command_from_pre_command(signed, _secret(parties, signed.target))
        except ProtocolError as error:
            _refuse(file, error)
            failed = True
            continue
        stem = file.stem.removesuffix("_SIGNEDPRECOMMAND_GBCS")
        (out / f"{stem}_COMMAND_GBCS.HEX").write_text(encode(made).hex().upper(), "ascii")
    raise typer.Exit(1 if failed else 0)


def _read(file: Path) -> bytes:
    """The octets of a file, or ``UNREADABLE`` with what the system says."""
    from dccemu_protocol.errors import ProtocolError

    try:
        return file.read_bytes()
    except OSError as error:
        raise ProtocolError("UNREADABLE", error.strerror or type(error).__name__) from None


def _octets(file: Path) -> bytes:
    """The octets of a file of hexadecimal digits, white space ignored."""
    from dccemu_protocol.gbcs.errors import GbcsError

    data = _read(file)
    try:
        text = "".join(data.decode("ascii").split())
        return bytes.fromhex(text)
    except ValueError:
        raise GbcsError("GBCS_NOT_HEXADECIMAL", "the file does not hold hexadecimal digits", 0) from None


@app.command()
def inspect(
    files: Files,
    keystore: KeystoreFile,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a message")] = False,
) -> None:
    """Read messages: what they are, whether signature and MAC are good, what they say."""
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.errors import GbcsError
    from dccemu_protocol.gbcs.inspect import inspect as read
    from dccemu_protocol.gbcs.inspect import text
    from dccemu_protocol.gbcs.keysource import KeystoreKeys

    keys = KeystoreKeys(_keystore(keystore))
    failed = False
    for file in files:
        try:
            tree = {"file": str(file), **read(_octets(file), keys)}
        except ProtocolError as error:
            failed = True
            offset = error.offset if isinstance(error, GbcsError) else None
            fault = {"code": error.rule, "detail": error.detail, "offset": offset}
            print(json.dumps({"file": str(file), "error": fault}))
            continue
        print(json.dumps(tree) if as_json else text(tree) + "\n")
    raise typer.Exit(1 if failed else 0)


@app.command()
def correlate(
    request: Annotated[Path, typer.Option("--request", exists=True, dir_okay=False, help="the Service Request")],
    pre_command: Annotated[
        Path, typer.Option("--pre-command", exists=True, dir_okay=False, help="hexadecimal GBCS, or the DUIS Response")
    ],
    device_type: Annotated[str | None, typer.Option(help="type of the Device, such as ESME; stricter")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the finding as a JSON object")] = False,
) -> None:
    """Decide whether a Service Request and a Pre-Command mean the same; status 1 and the first difference if not."""
    from dccemu_protocol.duis.document import parse_document
    from dccemu_protocol.duis.request import read_request
    from dccemu_protocol.duis.schema import validate
    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.correlate import Known
    from dccemu_protocol.gbcs.correlate import correlate as compare

    try:
        root = parse_document(request.read_bytes())
        validate(root)
        asked = read_request(root)
        found = compare(asked, _pre_command(pre_command), Known(device_type=device_type))
    except ProtocolError as error:
        if as_json:
            fault = {"code": _code(error), "detail": error.detail, "place": error.place}
            print(json.dumps({"same": False, "error": fault}))
        else:
            _refuse(pre_command if error.rule.startswith("GBCS_") else request, error)
        raise typer.Exit(1) from None
    if as_json:
        difference = None if found.difference is None else asdict(found.difference)
        print(json.dumps({"same": found.same, "difference": difference}))
    else:
        print("same" if found.difference is None else f"different: {found.difference}")
    raise typer.Exit(0 if found.same else 1)


def _pre_command(file: Path) -> bytes:
    """The GBCS octets of a Pre-Command: hexadecimal digits, or in a DUIS Response."""
    from dccemu_protocol.duis import parse_document, read_response
    from dccemu_protocol.errors import ProtocolError

    data = file.read_bytes()
    if not data.lstrip().startswith(b"<"):
        return _octets(file)
    payload = read_response(parse_document(data)).gbcs_payload
    if payload is None:
        raise ProtocolError("CANNOT_TRANSFORM", f"{file.name} holds no GBCS message")
    return payload
