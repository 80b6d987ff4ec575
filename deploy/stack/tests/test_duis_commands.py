"""`dccemu duis sign|verify|validate`: offline tools with stable output (acceptance.md, offline tools)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner, Result

from dccemu.main import app
from dccemu_protocol.duis import parse_document, read_request
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, RemotePartyRole, Usage, assemble, keystore, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
OTHER = "90-B3-D5-1F-30-03-00-00"
REQUEST = f"""<?xml version="1.0" encoding="UTF-8"?>
<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4">
  <sr:Header>
    <sr:RequestID>{SUPPLIER}:00-DB-12-34-56-78-90-A0:1000</sr:RequestID>
    <sr:CommandVariant>4</sr:CommandVariant>
    <sr:ServiceReference>6.11</sr:ServiceReference>
    <sr:ServiceReferenceVariant>6.11</sr:ServiceReferenceVariant>
  </sr:Header>
  <sr:Body>
    <sr:SynchroniseClock>
      <sr:CurrentDateTime>2026-01-01T00:00:00Z</sr:CurrentDateTime>
      <sr:TolerancePeriod>60</sr:TolerancePeriod>
    </sr:SynchroniseClock>
  </sr:Body>
</sr:Request>
"""


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A key store file with XML signing keys of two Users."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sign = signer(key(1))
    root = profiles.root_content(name=authority_name("EMU1", 7), key=key(1).public_key(), serial=1 << 120, start=start)
    issuing = parse(assemble(root, sign(root)))
    store = Keystore()
    for number, eui in ((2, SUPPLIER), (3, OTHER)):
        content = profiles.organisation_content(
            issuer=issuing,
            eui=Eui64.parse(eui),
            role=RemotePartyRole.XML_SIGNING,
            usage=Usage.DIGITAL_SIGNATURE,
            key=key(number).public_key(),
            serial=number << 120,
            start=start,
            policy=profiles.ORGANISATION_POLICY,
        )
        certificate = parse(assemble(content, sign(content)))
        role = RemotePartyRole.XML_SIGNING
        store.add(Entry(eui, Eui64.parse(eui), Usage.DIGITAL_SIGNATURE, role, certificate, key(number)))
    path = tmp_path_factory.mktemp("keys") / "keystore.json"
    path.write_text(keystore.save(store))
    return str(path)


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    path = tmp_path / "request.xml"
    path.write_text(REQUEST)
    return path


def duis(*arguments: str, given: bytes | str | None = None) -> Result:
    return CliRunner().invoke(app, ["duis", *arguments], input=given)


def test_a_template_is_signed_by_its_originator_with_a_new_counter(keys: str, request_file: Path) -> None:
    signed = duis("sign", "--keystore", keys, str(request_file))

    assert signed.exit_code == 0
    assert read_request(parse_document(signed.stdout_bytes.strip())).request_id.counter > 1_700_000_000_000
    verified = json.loads(duis("verify", "--keystore", keys, "-", given=signed.stdout_bytes).stdout)
    assert (verified["signature"], verified["signer"], verified["role"]) == ("valid", SUPPLIER, 135)


def test_the_counter_can_be_kept_and_then_the_signature_is_the_same_each_time(keys: str, request_file: Path) -> None:
    arguments = ("sign", "--keystore", keys, "--keep-counter", str(request_file))
    one, other = duis(*arguments), duis(*arguments)

    assert one.stdout_bytes == other.stdout_bytes
    assert b":1000<" in one.stdout_bytes


def test_another_party_can_sign_what_is_not_its_own(keys: str, request_file: Path) -> None:
    signed = duis("sign", "--keystore", keys, "--as", OTHER, str(request_file)).stdout_bytes

    assert json.loads(duis("verify", "--keystore", keys, "-", given=signed).stdout)["signer"] == OTHER
    refused = duis("verify", "--keystore", keys, "--as", SUPPLIER, "-", given=signed)
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["rule"] == "SIGNATURE_SIGNER_NOT_ORIGINATOR"


def test_a_tampered_document_does_not_verify(keys: str, request_file: Path) -> None:
    signed = duis("sign", "--keystore", keys, str(request_file)).stdout_bytes

    refused = duis("verify", "--keystore", keys, "-", given=signed.replace(b">60<", b">61<"))

    assert refused.exit_code == 1
    error = json.loads(refused.stdout)["error"]
    assert (error["rule"], error["code"]) == ("SIGNATURE_DIGEST", "E100")


def test_each_document_is_checked_and_has_its_line(tmp_path: Path, request_file: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text(REQUEST.replace(">60<", ">86401<"))
    garbage = tmp_path / "garbage.xml"
    garbage.write_text("garbage")
    wrong_body = tmp_path / "wrong.xml"
    wrong_body.write_text(REQUEST.replace("Variant>6.11<", "Variant>6.12<"))

    result = duis("validate", str(request_file), str(bad), str(garbage), str(wrong_body))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"{request_file}: valid: 6.11 Synchronise Clock, CV 4"]
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{bad}: E100: SCHEMA_INVALID: 86401 is more than 86400")
    assert lines[1].startswith(f"{garbage}: HTTP 400: NOT_XML")
    assert lines[2].startswith(f"{wrong_body}: E12: REFERENCE_MISMATCH")


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_nothing_that_is_given_ends_in_a_traceback(command: str, keys: str, tmp_path: Path) -> None:
    junk = tmp_path / "junk.json"
    junk.write_text("[1, 2")
    good = tmp_path / "request.xml"
    good.write_text(REQUEST)

    for arguments in (
        ("--keystore", str(junk), str(good)),
        ("--keystore", keys, str(tmp_path / "absent.xml")),
        ("--keystore", keys, str(junk)),
        ("--keystore", keys, "--as", "nobody", str(good)),
    ):
        result = duis(command, *arguments)
        assert result.exit_code in (1, 2)
        assert result.exception is None or isinstance(result.exception, SystemExit)


def test_send_wants_a_file_or_the_demonstration() -> None:
    assert duis("send").exit_code == 2
    assert duis("send", "--demo", "file.xml").exit_code == 2
