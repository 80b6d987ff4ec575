"""Upgrade images: the published ones come apart, and the published Supplier's key made the meter's signature."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import firmware
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
SAMPLE = b"CriticalSoftware sample firmware image_"
STACK_VERSION = (18, 19)
KEY = ec.derive_private_key(7, ec.SECP256R1())


@pytest.fixture
def published(vectors: Path) -> Callable[[str], bytes]:
    """The image of a published request."""

    def read(stem: str) -> bytes:
        text = (vectors / "duis" / f"{stem}_REQUEST_DUIS.XML").read_text("utf-8")
        found = re.search(r"FirmwareImage>([^<]+)<", text)
        assert found is not None
        return base64.b64decode(found[1])

    return read


def made(version: str = "00020140", hardware: tuple[int, int] | None = (0x0300, 0x03FF)) -> bytes:
    return firmware.build(b"metrology" * 9, version, sign=firmware.signing_with(KEY), hardware=hardware, text=b"made")


def test_the_published_meter_image_is_signed_by_the_supplier_over_its_manufacturer_image(
    published: Callable[[str], bytes], vectors: Path
) -> None:
    image = firmware.decode(published("11.1_UPDATE_FIRMWARE"), signed=True)
    store = keystore.load((vectors / "keystore.json").read_bytes())
    key = store.certificate(SUPPLIER, Usage.DIGITAL_SIGNATURE, 2)

    assert key is not None
    image.verify(key.public_key)
    assert image.manufacturer_image.startswith(SAMPLE * 5)
    assert (image.header.text, image.version, image.header.hardware) == (
        b"I am a GFI ESME[] firmware image",
        "ACDCACDC",
        (0x1111, 0x1211),
    )


def test_the_published_ppmid_image_holds_the_same_manufacturer_image_unsigned(
    published: Callable[[str], bytes],
) -> None:
    meter = firmware.decode(published("11.1_UPDATE_FIRMWARE"), signed=True)
    ppmid = firmware.decode(published("11.4_UPDATE_PPMID_FIRMWARE"), signed=False)

    assert ppmid.signature is None
    assert ppmid.digest == meter.digest == hashlib.sha256(published("11.4_UPDATE_PPMID_FIRMWARE")[60:]).hexdigest()


@pytest.mark.parametrize(("stem", "signed"), [("11.1_UPDATE_FIRMWARE", True), ("11.4_UPDATE_PPMID_FIRMWARE", False)])
def test_a_published_image_is_written_again_octet_for_octet(
    published: Callable[[str], bytes], stem: str, signed: bool
) -> None:
    octets = published(stem)

    assert firmware.encode(firmware.decode(octets, signed=signed)) == octets


def test_another_key_did_not_sign_it() -> None:
    image = firmware.decode(made(), signed=True)

    image.verify(KEY.public_key())
    with pytest.raises(ProtocolError, match="does not verify"):
        image.verify(ec.derive_private_key(8, ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    ("hardware", "fits"), [(0x02FF, False), (0x0300, True), (0x030B, True), (0x03FF, True), (0x0400, False)]
)
def test_the_header_names_the_hardware_it_is_for(hardware: int, fits: bool) -> None:
    assert firmware.decode(made(), signed=True).fits_hardware(hardware) is fits
    assert firmware.decode(made(hardware=None), signed=True).fits_hardware(hardware)


def test_every_cut_and_every_changed_octet_of_the_head_is_refused_or_means_something_else() -> None:
    octets = made()
    whole = firmware.decode(octets, signed=True)
    for length in range(len(octets)):
        with pytest.raises(ProtocolError):
            firmware.decode(octets[:length], signed=True)
    for at in range(60):
        damaged = octets[:at] + bytes((octets[at] ^ 0x5A,)) + octets[at + 1 :]
        try:
            assert firmware.decode(damaged, signed=True) != whole or at in STACK_VERSION
        except ProtocolError:
            continue
