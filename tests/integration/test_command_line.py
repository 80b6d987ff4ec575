"""Each verb of the command line at work on a running suite (issue of the walking suite, point 11)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from dccemu.main import app
from dccemu_sdk import Dcc, User

METER = "00-DB-12-34-56-78-90-A0"
READ = (
    '<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" '
    f'schemaVersion="5.4"><sr:Header><sr:RequestID>90-B3-D5-1F-30-01-00-00:{METER}:1</sr:RequestID>'
    "<sr:CommandVariant>1</sr:CommandVariant><sr:ServiceReference>4.1</sr:ServiceReference>"
    "<sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant></sr:Header><sr:Body>"
    "<sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)

Command = Callable[..., str]


@pytest.fixture
def dccemu(dcc: Dcc) -> Command:
    """``dccemu("journal", status=0)``: run a command on the session's suite and give its standard output."""

    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, [*words, "--admin", dcc.state.admin])
        assert done.exit_code == status, done.output
        return done.stdout

    return run


def test_a_newcomers_first_request_gets_a_meters_answer(dccemu: Command) -> None:
    outcome = json.loads(dccemu("duis", "send", "--demo", "--wait"))

    assert [answer["code"] for answer in outcome["answers"]] == ["I99", "I0"]
    message = outcome["answers"][-1]["gbcs"]
    assert (message["use_case"], message["mac"]) == ("ECS17b", "valid")


def test_a_file_is_sent_as_a_user_and_its_refusal_is_explained(dccemu: Command, dcc: Dcc, tmp_path: Path) -> None:
    """The journal names rule, what was expected, what was found, and the clause."""
    file = tmp_path / "read.xml"
    file.write_text(READ, "utf-8")
    supplier = str(dcc.state.supplier)

    sent = ("duis", "send", str(file), "--as", supplier)
    accepted = json.loads(dccemu(*sent))
    refused = json.loads(dccemu(*sent, "--device", "FF-FF-FF-FF-FF-FF-FF-F0", status=1))
    httpx.get(f"{dcc.state.admin}/admin/journal/wait", params={"request_id": refused["request_id"]}, timeout=30)
    journal = [json.loads(line) for line in dccemu("journal", "--json", "--user", supplier).splitlines()]
    shown = dccemu("journal", refused["request_id"])
    [entry] = [one for one in journal if one["request_id"] == refused["request_id"]]
    [failed] = [check for check in entry["checks"] if not check["passed"]]

    assert (accepted["code"], refused["code"]) == ("I99", "E19")
    for part in ("rule", "expected", "got", "source"):
        assert failed[part]
        assert failed[part] in shown


def test_certificates_are_listed_shown_and_exported(dccemu: Command, tmp_path: Path) -> None:
    listed = [json.loads(line) for line in dccemu("pki", "list", "--kind", "root", "--json").splitlines()]

    assert "BEGIN CERTIFICATE" in dccemu("pki", "show", listed[0]["serial"], "--pem")
    for group in ("pki", "certs"):
        dccemu(group, "export", "--out", str(tmp_path / group))
        assert list((tmp_path / group).rglob("*.pem")), group


def test_a_set_of_certificates_is_issued_and_one_of_them_revoked(dccemu: Command, tmp_path: Path) -> None:
    store = tmp_path / "set.json"
    dccemu("pki", "issue", "--eui", "90-B3-D5-1F-30-01-0A-00", "--out", str(store))
    serial = f"{int(json.loads(store.read_text())[0]['serial']):032x}"

    dccemu("pki", "revoke", serial)

    assert json.loads(dccemu("pki", "show", serial))["status"] == "R"


def test_thresholds_are_asked_for_with_a_token(dccemu: Command, dcc_user: User, tmp_path: Path) -> None:
    token = tmp_path / "token.json"

    dccemu("thresholds", "token", "--user", str(dcc_user.identity.eui), "--out", str(token))

    assert {entry["role"] for entry in json.loads(token.read_text())} == {"88"}


def test_a_path_of_the_admin_port_may_have_a_query_of_its_own(dcc: Dcc) -> None:
    """What is given besides is added to it."""
    listed = dcc.admin.call("GET", "/admin/inventory/devices?type=ESME", limit=1)

    assert isinstance(listed, list)
    assert [device["type"] for device in listed if isinstance(device, dict)] == ["ESME"]
    several = dcc.admin.call("GET", "/admin/inventory/devices?limit=3")
    assert isinstance(several, list)
    assert len(several) == 3
