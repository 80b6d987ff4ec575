"""Every answer of duis.md section 5 follows the official schema, is canonical, and reads back as what it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_protocol import catalogue
from dccemu_protocol.duis import (
    AnsweredRequest,
    DuisResponse,
    Throttling,
    parse_document,
    read_response,
    responses,
    validate,
)
from dccemu_protocol.duis.content import Content, element
from dccemu_protocol.duis.schema.models import element_order
from dccemu_protocol.duis.schema.official import OfficialSchema
from dccemu_protocol.duis.schema.tables import ElementParticle, Particle
from dccemu_protocol.duis.schema.validator import types
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.xmldsig import XMLSigner, verify

USER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
METER = Eui64.parse("00-DB-12-34-56-78-90-A0")
GPF = Eui64.parse("00-DB-12-34-56-78-90-A3")
HUB = Eui64.parse("00-DB-12-34-56-78-90-A2")
DCC = Eui64.parse("90-B3-D5-1F-30-00-00-02")
NOW = datetime(2026, 3, 1, 12, 30, 15, 678900, tzinfo=UTC)
PAYLOAD = bytes(range(256))
READ = AnsweredRequest(RequestId(USER, METER, 1000), "4.1", "4.1.1", "5.4")
INVENTORY = AnsweredRequest(RequestId(USER, DCC, 1001), "8.2", "8.2", "5.1")

DEVICE: Content = {
    "DeviceID": METER,
    "DeviceType": "ESME",
    "DeviceStatus": "Commissioned",
    "DeviceManufacturer": "EMU1",
    "DeviceModel": "0001",
    "DeviceFirmwareVersion": "1.0.0",
    "DateCommissioned": date(2025, 5, 4),
    "ImportMPxN": "1200000000001",
    "ESMEVariant": "A",
}
SCHEDULE: Content = {
    "ScheduleFrequency": "Daily",
    "ScheduleStartDate": date(2026, 3, 2),
    "ScheduleEndDate": date(2026, 4, 2),
    "DSPScheduledServiceReference": "4.2",
    "DSPScheduledServiceReferenceVariant": "4.2",
    "DeviceID": METER,
    "DSPReadInstantaneousExportRegisters": {},
}


def non_device(name: str | None, content: Content = None, code: str = "I0") -> bytes:
    return responses.non_device_result(INVENTORY, code, NOW, name, content)


def alert(name: str, content: Content, code: str = "N1") -> bytes:
    return responses.dcc_alert(METER, USER, 7, code, name, content, NOW)


ANSWERS: dict[str, tuple[bytes, str]] = {
    "acknowledgement": (responses.acknowledgement(READ, "I99", NOW), "Acknowledgement"),
    "error": (responses.acknowledgement(READ, "E19", NOW), "Acknowledgement"),
    "Pre-Command": (responses.pre_command(READ, PAYLOAD, "4.3", NOW), "PreCommand"),
    "Local Command": (responses.local_command(READ, PAYLOAD, NOW), "LocalCommand"),
    "pushed Local Command": (responses.local_command(READ, PAYLOAD, NOW, pushed=True), "LocalCommand"),
    "Device Response": (responses.device_response(READ, "I0", NOW, PAYLOAD), "GBCSPayload"),
    "no Response": (responses.device_response(READ, "E21", NOW, None), "Acknowledgement"),
    "CIN": (responses.cin_message(READ, PAYLOAD, "1234", NOW), "CINMessage"),
    "future dated Alert": (
        responses.future_dated_alert(READ, PAYLOAD, 0x8F66, 1, 2, NOW),
        "FutureDatedDeviceAlertMessage",
    ),
    "scheduled": (
        responses.scheduled_message(INVENTORY, PAYLOAD, 42, RequestId(METER, USER, 9), NOW),
        "DSPScheduledMessage",
    ),
    "Device Alert": (responses.device_alert(METER, USER, 5, 0x8F3F, PAYLOAD, NOW), "DeviceAlertMessage"),
    "throttled Device Alert": (
        responses.device_alert(METER, USER, 5, 0x81A0, PAYLOAD, NOW, "5.0", Throttling(3, 17)),
        "DeviceAlertMessage",
    ),
    "no data": (non_device(None, code="I99"), "Acknowledgement"),
    "DSPScheduleID": (non_device("DSPScheduleID", 12), "DSPScheduleID"),
    "DSPInventory": (non_device("DSPInventory", {"Device": [DEVICE, DEVICE]}), "DSPInventory"),
    "DSPSchedulesRead": (
        non_device("DSPSchedulesRead", {"DSPSchedules": [{"DSPScheduleID": 12, "DSPScheduleDetails": SCHEDULE}]}),
        "DSPSchedulesRead",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.checklist("C1")
def test_each_answer_follows_both_schemas(name: str, official: OfficialSchema) -> None:
    root = parse_document(ANSWERS[name][0])

    validate(root)
    official.validate(root)


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_is_its_own_canonical_form(name: str) -> None:
    document = ANSWERS[name][0]

    assert etree.tostring(parse_document(document), method="c14n") == document


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_reads_back_as_its_kind(name: str) -> None:
    document, kind = ANSWERS[name]

    assert read_response(parse_document(document)).kind == kind


@dataclass
class One:
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.derive_private_key(99, ec.SECP256R1()))

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_can_be_signed_as_it_is(name: str, official: OfficialSchema) -> None:
    keys = One()
    signed = XMLSigner(keys.key, "CN=Z1,OU=07", 5).sign_canonical(ANSWERS[name][0])

    official.validate(parse_document(signed))
    assert read_response(verify(parse_document(signed), keys).root).kind == ANSWERS[name][1]


def response(name: str) -> DuisResponse:
    return read_response(parse_document(ANSWERS[name][0]))


@pytest.mark.parametrize("name", ["acknowledgement", "error", "Pre-Command", "Local Command", "DSPInventory"])
def test_synchronous_answers_have_a_request_id_and_no_response_id(name: str) -> None:
    assert response(name).request_id is not None
    assert response(name).response_id is None


def test_an_asynchronous_response_has_both_identifiers_with_the_same_counter() -> None:
    found = response("Device Response")

    assert found.request_id == RequestId(USER, METER, 1000)
    assert found.response_id == RequestId(METER, USER, 1000)
    assert found.gbcs_payload == PAYLOAD


@pytest.mark.parametrize("name", ["Device Alert", "throttled Device Alert"])
def test_an_alert_has_a_response_id_only(name: str) -> None:
    assert response(name).request_id is None
    assert response(name).response_id == RequestId(METER, USER, 5)


def test_the_answer_is_in_the_users_version_and_to_the_millisecond() -> None:
    document = ANSWERS["DSPInventory"][0]

    assert b'schemaVersion="5.1"' in document
    assert b"<sr:ResponseDateTime>2026-03-01T12:30:15.678Z</sr:ResponseDateTime>" in document


def test_content_is_written_in_the_order_of_the_schema() -> None:
    written = element("DSPInventory/Device", dict(reversed(list(DEVICE.items()))))  # type: ignore[union-attr]

    assert written == element("DSPInventory/Device", DEVICE)


def test_text_of_others_cannot_break_out_of_its_element() -> None:
    hostile = '<&>"\r'
    document = non_device("DSPInventory", {"Device": {**DEVICE, "DeviceModel": "0001", "PropertyFilter": None}})  # type: ignore[dict-item]
    alert_document = alert(
        "ECoSAlert",
        {
            "AlertID": RequestId(DCC, USER, 1),
            "ECoSAlertCode": "E01",
            "DeviceID": METER,
            "AdditionalInformation": hostile,
        },
    )

    assert parse_document(document) is not None
    assert parse_document(alert_document).findtext(".//{*}AdditionalInformation") == hostile


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("ResponseMessage/NoSuch", None),
        ("NoSuch/DSPInventory", None),
        ("DSPInventory/Device", {"DeviceID": METER}),
        ("DSPInventory/Device", {**DEVICE, "Colour": "red"}),  # type: ignore[dict-item]
        ("DSPInventory/Device", {**DEVICE, "DeviceType": "TOASTER"}),  # type: ignore[dict-item]
        ("ResponseMessage/DSPInventory", {"Device": [DEVICE] * 18}),
        ("ResponseMessage/DSPInventory", "text"),
        ("ResponseMessage/DSPScheduleID", 1000000000001),
    ],
)
def test_content_that_does_not_fit_is_our_mistake(path: str, content: Content) -> None:
    with pytest.raises(EmulatorError):
        element(path, content)


def test_a_customer_identification_number_has_four_digits() -> None:
    with pytest.raises(ProtocolError):
        responses.cin_message(READ, PAYLOAD, "12", NOW)


HOLDS_SMETS1 = "S1SPAlertDSP"
"""Holds a document signed by a SMETS1 Service Provider, which nobody here can make."""

SAMPLES = ("1", "0", "-1", "2026-03-01T00:00:00Z", "2026-03-01", "00:00:00", str(METER), str(RequestId(USER, METER, 1)))
FORMS = (
    "1234",
    "8F66",
    "AAAA",
    "12345678901234567890",
    "text",
    "1.0",
    "true",
    "M1 1AA",
    "60",
    "A" * 28,
    "00:00:00",
    "ABC",
    "1" * 13,
)


def sample_of(type_name: str) -> str:
    """A value that a simple type allows."""
    facts = types().tables.simple.get(type_name)
    candidates = (*(facts.values if facts is not None else ()), *SAMPLES, *FORMS)
    return next(value for value in candidates if types().simple(type_name)(value) is None)


def content_of(type_name: str, *, full: bool) -> Content:
    """Content that a type allows: only what is required, or everything the first choice of each offers."""
    facts = types().tables.complex.get(type_name)
    if facts is None:
        return sample_of(type_name)
    content: dict[str, Content] = {f"@{name}": sample_of(kind) for name, kind in facts.attributes.items()}
    if facts.text is not None:
        return {**content, "#": sample_of(facts.text)}
    return {**content, **(particle_content(facts.content, full=full) if facts.content is not None else {})}


def particle_content(particle: Particle, *, full: bool) -> dict[str, Content]:
    if particle.least == 0 and not full:
        return {}
    if isinstance(particle, ElementParticle):
        if particle.type is None:
            return {}
        count = max(particle.least, 1)
        made = content_of(particle.type, full=full)
        return {particle.name: made if count == 1 else [made] * count}
    if particle.is_choice:
        usable = [part for part in particle.parts if not (isinstance(part, ElementParticle) and part.type is None)]
        return particle_content(usable[0], full=full)
    merged: dict[str, Content] = {}
    for part in particle.parts:
        merged |= particle_content(part, full=full)
    return merged


def choices_of(owner: str) -> list[str]:
    content = types().tables.complex[owner].content
    assert content is not None
    return [name for name, kind in element_order(content) if kind is not None]


@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize("name", sorted({*choices_of("DCCAlert")} - {HOLDS_SMETS1}))
@pytest.mark.checklist("F4")
def test_each_dcc_alert_element_can_be_written(name: str, full: bool, official: OfficialSchema) -> None:
    kind = dict(element_order(types().tables.complex["DCCAlert"].content))[name]  # type: ignore[arg-type]
    content = content_of(kind, full=full)  # type: ignore[arg-type]

    root = parse_document(alert(name, content))

    validate(root)
    official.validate(root)
    assert read_response(root).kind == "DCCAlertMessage"


def test_there_are_24_dcc_alert_elements() -> None:
    named = {one.body_element for one in catalogue.dcc_alerts.values() if one.body_element is not None}

    assert len(choices_of("DCCAlert")) == 24
    assert named <= set(choices_of("DCCAlert"))


@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(
    "name", ["DSPOptIn", "DSPWANMatrix", "DSPUpdateFirmwareWarning", "DSPUpdatePPMIDFirmwareWarning", "DSPInventory"]
)
def test_each_non_device_result_can_be_written(name: str, full: bool, official: OfficialSchema) -> None:
    kind = dict(element_order(types().tables.complex["ResponseMessage"].content))[name]  # type: ignore[arg-type]
    root = parse_document(non_device(name, content_of(kind, full=full)))  # type: ignore[arg-type]

    validate(root)
    official.validate(root)
    assert read_response(root).kind == name
