"""`dccemu firmware`: make and read upgrade images, and write the requests 11.1, 11.4 and 11.3 about them. Offline."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.gbcs.firmware import UpgradeImage
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore
from dccemu_sdk import SdkError, firmware
from dccemu_sdk.identity import Identity

app = typer.Typer(no_args_is_help=True, help="Make and read firmware images, and the requests about them.")

Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="an upgrade image", exists=True, dir_okay=False)]
Ppmid = Annotated[bool, typer.Option("--ppmid", help="the image of a PPMID or hub: no Supplier signs it")]
Devices = Annotated[list[str], typer.Option("--device", metavar="EUI", help="a Device that gets it; repeat for more")]
Keys = Annotated[Path | None, typer.Option("--keystore", help="keys and certificates (JSON)", exists=True)]
Supplier = Annotated[str | None, typer.Option("--as", metavar="EUI", help="the Supplier that signs, or has signed")]


def _fail(error: Exception) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(1)


def _read(path: Path, ppmid: bool) -> UpgradeImage:
    try:
        return firmware.read_image(path.read_bytes(), signed=not ppmid)
    except ProtocolError as error:
        raise _fail(error) from None


def _range(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    low, _, high = text.partition("-")
    try:
        return int(low, 16), int(high or low, 16)
    except ValueError:
        raise typer.BadParameter("two numbers of four hexadecimal digits: 0300-03FF", param_hint="--hardware") from None


def _write(octets: bytes) -> None:
    sys.stdout.buffer.write(octets.rstrip(b"\n") + b"\n")


@app.command()
def make(
    software: Annotated[Path, typer.Argument(help="the Manufacturer Image", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="where to write the upgrade image")],
    version: Annotated[str, typer.Option(help="firmware version, eight hexadecimal digits")],
    hardware: Annotated[str | None, typer.Option(help="hardware versions it is for: 0300-03FF")] = None,
    keys: Keys = None,
    supplier: Supplier = None,
) -> None:
    """Put a head before a Manufacturer Image and, for a meter, a Supplier's signature behind it."""
    octets = software.read_bytes()
    try:
        if supplier is None:
            image = firmware.unsigned_image(octets, version, _range(hardware))
        elif keys is None:
            raise typer.BadParameter("the Supplier's keys are needed to sign", param_hint="--keystore")
        else:
            signer = Identity(keystore.load(keys), Eui64.parse(supplier))
            image = firmware.meter_image(signer, octets, version, _range(hardware))
    except (ProtocolError, SdkError, ValueError) as error:
        raise _fail(error) from None
    out.write_bytes(image)
    typer.echo(firmware.image_hash(image, signed=supplier is not None))


@app.command()
def show(image: Image, ppmid: Ppmid = False, keys: Keys = None, supplier: Supplier = None) -> None:
    """Say what an image is, as JSON; with a key store and a Supplier also whether that Supplier signed it."""
    read = _read(image, ppmid)
    head = read.header
    said: dict[str, Any] = {
        "version": read.version,
        "hash": read.digest,
        "octets": head.size,
        "manufacturer": f"{head.manufacturer:04X}",
        "image_type": f"{head.image_type:04X}",
        "hardware": None if head.hardware is None else "-".join(f"{one:04X}" for one in head.hardware),
        "text": head.text.decode("latin-1"),
        "signature": "absent" if read.signature is None else "not checked",
    }
    if keys is not None and supplier is not None and read.signature is not None:
        said["signature"] = "valid" if _is_signed_by(read, keys, supplier) else "INVALID"
    typer.echo(json.dumps(said, indent=2))
    if said["signature"] == "INVALID":
        raise typer.Exit(1)


def _is_signed_by(image: UpgradeImage, keys: Path, supplier: str) -> bool:
    try:
        found = keystore.load(keys).certificates(Eui64.parse(supplier), Usage.DIGITAL_SIGNATURE, 2)
    except EmulatorError as error:
        raise _fail(error) from None
    for certificate in found:
        try:
            image.verify(certificate.public_key)
        except ProtocolError:
            continue
        return True
    return False


@app.command()
def update(
    image: Image,
    devices: Devices,
    ppmid: Ppmid = False,
    version: Annotated[str | None, typer.Option(help="FirmwareVersion; that of the image's head if left out")] = None,
) -> None:
    """Write the request that distributes an image (11.1, or 11.4 for PPMIDs); `dccemu duis send` signs and sends it."""
    read = _read(image, ppmid)
    write = firmware.update_ppmid_firmware if ppmid else firmware.update_firmware
    _write(write(image.read_bytes(), version or read.version, devices))


@app.command()
def activate(
    image: Image,
    device: Annotated[str, typer.Option("--device", metavar="EUI", help="the meter")],
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ"], help="UTC; at once if left out")
    ] = None,
) -> None:
    """Write the request that lets a meter run an image it holds (11.3)."""
    _write(firmware.activate_firmware(device, _read(image, ppmid=False).digest, at))
