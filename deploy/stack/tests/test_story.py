"""Stories: documents made from steps, what is shown of them, and files that are refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from dccemu.main import app
from dccemu.story.filling import Filling, duration
from dccemu.story.paths import at
from dccemu.story.telling import Lines, Prose, Summary, Told, answer_line, refusal_line, short
from dccemu_protocol.duis import parse_document, read_request, validate
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import (
    Entry,
    Keystore,
    RemotePartyRole,
    SmkiCertificate,
    Usage,
    assemble,
    parse,
    profiles,
    signer,
)
from dccemu_protocol.pki.subjects import authority_name

SUPPLIER, METER = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-C0"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@pytest.fixture(scope="module")
def issuer() -> SmkiCertificate:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    name = authority_name("EMU1", 7)
    content = profiles.root_content(name=name, key=key(1).public_key(), serial=1 << 120, start=start)
    return parse(assemble(content, signer(key(1))(content)))


@pytest.fixture(scope="module")
def supplier(issuer: SmkiCertificate) -> SmkiCertificate:
    content = profiles.organisation_content(
        issuer=issuer,
        eui=Eui64.parse(SUPPLIER),
        role=RemotePartyRole.SUPPLIER,
        usage=Usage.DIGITAL_SIGNATURE,
        key=key(2).public_key(),
        serial=2 << 120,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        policy=profiles.ORGANISATION_POLICY,
    )
    return parse(assemble(content, signer(key(1))(content)))


@pytest.fixture
def kept() -> dict[str, str]:
    return {}


@pytest.fixture
def filling(issuer: SmkiCertificate, supplier: SmkiCertificate, kept: dict[str, str]) -> Filling:
    store = Keystore([Entry("test", Eui64.parse(SUPPLIER), Usage.DIGITAL_SIGNATURE, 2, supplier, key(2))])
    return Filling(store, lambda: [issuer], lambda: NOW, kept)


def test_a_step_becomes_a_document_of_the_schema(filling: Filling) -> None:
    body = {"CommissionDeviceSynchroniseClock": {"CurrentDateTime": {"$now": "PT1H"}, "TolerancePeriod": 60}}
    root = parse_document(filling.document(SUPPLIER, METER, "8.1.1", None, body))  # type: ignore[arg-type]
    validate(root)
    request = read_request(root)
    assert (request.command_variant, request.service_reference, str(request.device)) == (4, "8.1", METER)
    assert request.body[0].text == "2026-03-01T13:00:00.000Z"


def test_certificates_and_kept_values_are_filled_in(
    filling: Filling, issuer: SmkiCertificate, supplier: SmkiCertificate, kept: dict[str, str]
) -> None:
    owner: dict[str, object] = {"eui": SUPPLIER, "role": 2, "usage": "ds"}
    kept["name"] = "kept"
    filled = filling.value(
        {"a": {"$certificate": owner}, "b": [{"$issuer": owner}], "c": {"$kept": "name"}, "d": "{name}!"}
    )  # type: ignore[dict-item]
    assert filled == {
        "a": base64.b64encode(supplier.der).decode(),
        "b": [base64.b64encode(issuer.der).decode()],
        "c": "kept",
        "d": "kept!",
    }


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"$kept": "nothing"}, "nothing was kept as 'nothing'"),
        ({"$certificate": {"eui": METER, "role": 2, "usage": "ds"}}, "hold no certificate"),
        ({"$certificate": {"eui": SUPPLIER, "role": 2, "usage": "ka"}}, "hold no certificate"),
        ({"$now": "tomorrow"}, "is not a duration"),
    ],
)
def test_what_cannot_be_filled_in_says_why(filling: Filling, value: dict[str, object], part: str) -> None:
    with pytest.raises(ProtocolError, match=part):
        filling.value(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "length"),
    [("P1DT12H", timedelta(hours=36)), ("-PT90S", timedelta(seconds=-90)), ("PT0S", timedelta())],
)
def test_durations(text: str, length: timedelta) -> None:
    assert duration(text) == length


def test_paths_lead_into_answers() -> None:
    assert at({"a": [{"b": 1}, {"b": 2}]}, "a.-1.b") == 2
    assert at({"a": []}, "a.0.b") is None
    assert at("text", "") == "text"


def test_long_texts_are_cut_for_people() -> None:
    assert short({"a": "x" * 100}) == '{"a": "xxxxxxxxxxxxxxxx... (100 characters)"}'


def test_an_answer_is_one_line() -> None:
    device = {"code": "I0", "kind": "GBCSPayload", "gbcs": {"title": "T", "mac": "valid", "signature": "absent"}}
    assert answer_line(device) == "< I0      GBCSPayload: T, mac valid"  # type: ignore[arg-type]
    assert answer_line({"code": "E4", "kind": "Acknowledgement"}) == "< E4      refused"


def test_a_refusal_is_told_by_the_check_that_failed() -> None:
    checks = [{"rule": "A", "passed": True}, {"rule": "B", "passed": False, "expected": "1", "got": "2", "source": "c"}]
    assert refusal_line(checks) == "B: expected 1, got 2 (c)"
    assert refusal_line(checks[:1]) is None


def test_prose_and_lines_tell_the_same() -> None:
    for teller in (Prose, Lines):
        told: list[str] = []
        voice = teller(told.append)
        voice.begin(1, "Chapter", "It begins")
        voice.end(1, Told(["> asked"], {"send": {"srv": "8.2"}}), 0.25)
        voice.close(Summary(1, 0.25, {"Chapter": 0.25}))
        if teller is Prose:
            assert told == [
                "\nChapter\n",
                "  1  It begins",
                "     > asked",
                "",
                "  0.25 s  Chapter",
                "  0.25 s  in all, 1 steps",
            ]
        else:
            step, whole = (json.loads(line) for line in told)
            assert (step["step"], step["say"], step["send"], step["failure"]) == (1, "It begins", {"srv": "8.2"}, None)
            assert whole["chapters"] == {"Chapter": 0.25}


def test_a_file_is_checked_without_a_suite(tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["scenario", "check", *map(str, sorted(SCENARIOS.glob("*.yaml")))])
    assert (good.exit_code, good.output.count("steps")) == (0, len(list(SCENARIOS.glob("*.yaml"))))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nstory: [{say: both, advance: PT1S, wait: {device: 00-DB-12-34-56-78-90-C0}}]\n")
    refused = CliRunner().invoke(app, ["scenario", "check", str(wrong)])
    assert refused.exit_code == 1
    assert "a step does one thing" in refused.output
    assert "story.0" in refused.output


def test_a_scenario_without_a_story_cannot_be_played() -> None:
    done = CliRunner().invoke(app, ["scenario", "play", str(SCENARIOS / "rtds.yaml")])
    assert done.exit_code == 1
    assert "there is no story in it" in done.output
