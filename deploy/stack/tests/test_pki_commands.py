"""`dccemu pki convert` and the commands that speak to the admin port, against a stand-in of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import respx
from cryptography.hazmat.primitives.asymmetric import ec
from httpx import Response
from typer.testing import CliRunner

from dccemu.commands import pki
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, Usage, assemble, keystore, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name

ADMIN = "http://admin.test"
START = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = Eui64.from_hex("90B3D51F30010000")


@pytest.fixture
def store() -> Keystore:
    """A root, and a certificate with its key under it."""
    root_key, key = (ec.derive_private_key(number, ec.SECP256R1()) for number in (11, 12))
    content = profiles.root_content(
        name=authority_name("EMDR", 0), key=root_key.public_key(), serial=1 << 120, start=START
    )
    root = parse(assemble(content, signer(root_key)(content)))
    content = profiles.organisation_content(
        issuer=root,
        eui=OWNER,
        role=2,
        usage=Usage.KEY_AGREEMENT,
        key=key.public_key(),
        serial=2 << 120,
        start=START,
    )
    made = parse(assemble(content, signer(root_key)(content)))
    return Keystore([Entry("made/supplier-pp-ka", OWNER, Usage.KEY_AGREEMENT, 2, made, key, top_up=True)])


@pytest.fixture
def admin() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=ADMIN, assert_all_called=False) as router:
        yield router


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(pki.app, list(words))
    return result.exit_code, result.output


@pytest.mark.parametrize("form", ["list", "clients", "pem", "pkcs12"])
def test_a_key_store_goes_through_every_form_and_back(store: Keystore, tmp_path: Path, form: str) -> None:
    (tmp_path / "in.json").write_text(keystore.save(store))
    out = tmp_path / ("out.json" if form in ("list", "clients") else "out")

    there, _ = run("convert", str(tmp_path / "in.json"), str(out), "--format", form, "--password", "secret")
    back, _ = run("convert", str(out), str(tmp_path / "back.json"), "--password", "secret")

    assert (there, back) == (0, 0)
    (entry,) = keystore.load(tmp_path / "back.json")
    (original,) = store
    assert entry.certificate == original.certificate
    assert (entry.eui, entry.role, entry.top_up) == (OWNER, 2, True)
    assert entry.private_key is not None
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*.key"))


def test_what_is_no_key_store_is_one_line_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("7")

    status, output = run("convert", str(tmp_path / "in.json"), str(tmp_path / "out.json"))

    assert status == 1
    assert "BAD_KEYSTORE" in output
    assert "Traceback" not in output


def test_a_set_is_issued_and_written(store: Keystore, tmp_path: Path, admin: respx.MockRouter) -> None:
    route = admin.post("/admin/smki/certificate-sets").mock(Response(201, json={"keystore": keystore.save(store)}))

    status, _ = run("issue", "--eui", str(OWNER), "--out", str(tmp_path / "k.json"), "--admin", ADMIN)

    assert status == 0
    assert json.loads(route.calls.last.request.content) == {"eui": str(OWNER), "role": 2, "test": False}
    assert len(keystore.load(tmp_path / "k.json")) == 1


def test_a_refusal_of_the_admin_port_is_told_in_its_words(admin: respx.MockRouter) -> None:
    admin.post("/admin/smki/certificates/AB/revoke").mock(Response(422, json={"detail": "already revoked"}))

    status, output = run("revoke", "AB", "--admin", ADMIN)

    assert status == 1
    assert "already revoked" in output


def test_certificates_are_listed_page_by_page(admin: respx.MockRouter) -> None:
    one = {
        "serial": "AB",
        "status": "I",
        "kind": "device",
        "eui": None,
        "usage": "keyAgreement",
        "role": None,
        "issuer": "CN=X",
    }
    pages = [
        Response(200, json={"certificates": [one], "next": "CN=X|AB"}),
        Response(200, json={"certificates": [{**one, "serial": "CD"}], "next": None}),
    ]
    admin.get("/admin/smki/certificates").mock(side_effect=pages)

    status, output = run("list", "--admin", ADMIN)

    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == ["AB", "CD"]
