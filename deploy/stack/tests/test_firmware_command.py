"""`dccemu firmware`: images are made and read offline, and the requests about them fit the schema."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dccemu.main import app
from dccemu_protocol.duis import parse_document, read_request, validate

SUPPLIER, ESME, PPMID = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A4"
RUN = CliRunner()


@pytest.fixture
def vectors() -> Path:
    """The folder of published data."""
    root = Path(__file__).resolve().parents[3]
    found = Path(os.environ.get("DCCEMU_VECTORS", root.parent / "shared" / "vectors"))
    if not found.exists():
        pytest.skip("the published data are not here (../shared/vectors)")
    return found


@pytest.fixture
def software(tmp_path: Path) -> Path:
    path = tmp_path / "software.bin"
    path.write_bytes(b"metrology " * 100)
    return path


def test_the_published_image_is_read_and_its_suppliers_signature_checked(vectors: Path, tmp_path: Path) -> None:
    text = (vectors / "duis" / "11.1_UPDATE_FIRMWARE_REQUEST_DUIS.XML").read_text("utf-8")
    octets = re.search(r"FirmwareImage>([^<]+)<", text)
    assert octets is not None
    image = tmp_path / "published"
    image.write_bytes(base64.b64decode(octets[1]))
    keys = str(vectors / "keystore.json")

    good = RUN.invoke(app, ["firmware", "show", str(image), "--keystore", keys, "--as", SUPPLIER])
    bad = RUN.invoke(app, ["firmware", "show", str(image), "--keystore", keys, "--as", "90-B3-D5-1F-30-02-00-00"])

    said = json.loads(good.stdout)
    assert (said["version"], said["hardware"], said["signature"]) == ("ACDCACDC", "1111-1211", "valid")
    assert (bad.exit_code, json.loads(bad.stdout)["signature"]) == (1, "INVALID")


def test_a_ppmid_image_is_made_and_its_requests_are_valid(software: Path, tmp_path: Path) -> None:
    image = str(tmp_path / "image")

    made = RUN.invoke(app, ["firmware", "make", str(software), "--version", "00010004", "-o", image])
    update = RUN.invoke(app, ["firmware", "update", image, "--ppmid", "--device", PPMID])

    assert made.stdout.strip() == hashlib.sha256(software.read_bytes()).hexdigest()
    root = parse_document(update.stdout_bytes)
    validate(root)
    assert read_request(root).service_reference_variant == "11.4"
    assert "00010004" in update.stdout


def test_a_meter_image_is_signed_and_activated_by_its_hash(vectors: Path, software: Path, tmp_path: Path) -> None:
    image, keys = str(tmp_path / "image"), str(vectors / "keystore.json")
    signing = ["--keystore", keys, "--as", SUPPLIER, "--hardware", "0300-03FF"]

    made = RUN.invoke(app, ["firmware", "make", str(software), "--version", "00020140", "-o", image, *signing])
    shown = json.loads(RUN.invoke(app, ["firmware", "show", image, "--keystore", keys, "--as", SUPPLIER]).stdout)
    dated = RUN.invoke(app, ["firmware", "activate", image, "--device", ESME, "--at", "2026-07-01T00:00:00Z"])

    assert (shown["signature"], shown["hardware"], shown["hash"]) == ("valid", "0300-03FF", made.stdout.strip())
    root = parse_document(dated.stdout_bytes)
    validate(root)
    request = read_request(root)
    assert (request.service_reference_variant, str(request.device)) == ("11.3", ESME)
    assert made.stdout.strip().upper() in dated.stdout


def test_what_is_no_image_is_refused_by_name(software: Path) -> None:
    refused = RUN.invoke(app, ["firmware", "show", str(software)])

    assert refused.exit_code == 1
    assert "OTA header" in refused.stderr
