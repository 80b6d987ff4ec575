"""Critical Service Requests with their Pre-Commands, and mutants of both."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pytest
from lxml import etree

from dccemu_protocol import catalogue
from dccemu_protocol.duis import DuisRequest, parse_document, read_request, validate
from dccemu_protocol.duis.names import SR
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms, gbz, zcl
from dccemu_protocol.gbcs.correlate import Known
from dccemu_protocol.gbcs.der_types import KeyUsage, UpdateSecurityCredentials
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode, encode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.payload import decode_payload, encode_payload
from dccemu_protocol.gbcs.transform import DeviceView, TransformContext, transform
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki.keystore import Keystore, load
from dccemu_protocol.pki.names import Usage

VECTORS = Path(os.environ.get("DCCEMU_VECTORS") or Path(__file__).resolve().parents[5] / "shared" / "vectors")
CORRECTIONS = Path(__file__).resolve().parents[4] / "tests" / "golden" / "corrections.json"
NOW = datetime(2015, 1, 1, tzinfo=UTC)
BROKER = Eui64.parse("90-B3-D5-1F-30-00-00-02")
ROLES = {"90b3d51f30020000": "NetworkOperator", "90b3d51f30010008": "LoadController"}
USAGES = {"ds": Usage.DIGITAL_SIGNATURE, "ka": Usage.KEY_AGREEMENT}
CERTIFICATE = re.compile(r"(<sr:\w*Certificate>)[A-Za-z0-9+/=\s]+(</sr:\w*Certificate>)")


def _is_critical(path: Path) -> bool:
    srv = re.search(r"ServiceReferenceVariant>([0-9.]+)<", path.read_text("utf-8"))
    variant = catalogue.service_requests.get(srv[1]) if srv else None
    return variant is not None and variant.critical


def critical_stems() -> list[str]:
    """Stems of the published critical Service Requests."""
    return [
        path.name.removesuffix("_REQUEST_DUIS.XML")
        for path in sorted((VECTORS / "duis").glob("*_REQUEST_DUIS.XML"))
        if _is_critical(path)
    ]


def _one_of_each_use_case() -> list[Any]:
    """All critical stems; the first of each use case at once, the others at night."""
    seen: set[str] = set()
    found: list[Any] = []
    for stem in critical_stems():
        use_case = stem.split("_")[0]
        found.append(pytest.param(stem, marks=[pytest.mark.nightly] if use_case in seen else []))
        seen.add(use_case)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise over the critical templates, and over those whose Pre-Command is published."""
    nothing = [pytest.param("", marks=pytest.mark.skip(reason=f"no reference vectors in {VECTORS}"))]
    if "stem" in metafunc.fixturenames:
        metafunc.parametrize("stem", critical_stems() or nothing)
    if "mutated_stem" in metafunc.fixturenames:
        metafunc.parametrize("mutated_stem", _one_of_each_use_case() or nothing)
    if "published_stem" in metafunc.fixturenames:
        found = {path.name for path in (VECTORS / "rtds").glob("*/*_PRECOMMAND_GBCS.HEX")}
        stems = [one for one in critical_stems() if f"{one}_PRECOMMAND_GBCS.HEX" in found]
        metafunc.parametrize("published_stem", stems or nothing)


@dataclass
class Published:
    """The reference data, read once."""

    @cached_property
    def devices(self) -> dict[str, dict[str, Any]]:
        return cast("dict[str, dict[str, Any]]", json.loads((VECTORS / "stem-devices.json").read_text("utf-8")))

    @cached_property
    def keystore(self) -> Keystore:
        return load(VECTORS / "keystore.json")

    @cached_property
    def corrections(self) -> dict[str, dict[str, Any]]:
        return {one["stem"]: one for one in json.loads(CORRECTIONS.read_text("utf-8"))["corrections"]}

    def certificate(self, eui: Eui64, usage: str) -> bytes | None:
        found = self.keystore.certificate(eui, USAGES[usage])
        return None if found is None else found.der

    def request(self, stem: str) -> DuisRequest:
        """The template, as it is."""
        return read_request(parse_document((VECTORS / "duis" / f"{stem}_REQUEST_DUIS.XML").read_bytes()))

    def type_of_other(self, stem: str) -> Callable[[Eui64], str | None]:
        """Types of Devices of joins: what the use case of the stem speaks of."""
        others = {"CS03A1": "HCALCS", "CS03A2Critical": "ESME", "CS03CCritical": "PPMID"}
        return lambda eui: others.get(stem.split("_")[0])

    def known(self, stem: str) -> Known:
        """All a User may know."""
        device = self.devices[stem]
        return Known(
            device_type=device["type"],
            is_twin_element=str(device.get("esme_variant") or "").startswith("B"),
            type_of=self.type_of_other(stem),
            certificate=lambda eui: self.certificate(eui, "ka"),
            sent_between=(NOW, NOW),
        )

    def pre_command(self, stem: str, request: DuisRequest, now: datetime = NOW) -> bytes:
        """What the transformation makes of a request to the Device of a stem."""
        known = self.devices[stem]
        device = DeviceView(request.device, known["type"], known.get("gbcs_version", ""), known.get("esme_variant"))
        context = TransformContext(
            now=now,
            device=device,
            broker=BROKER,
            user_is_known=True,
            next_role_counter=lambda party: 1300,
            certificate=self.certificate,
            device_type=self.type_of_other(stem),
            user_role=ROLES.get(request.user.hex, "Supplier"),  # type: ignore[arg-type]
        )
        return encode(transform(request, context).message)

    def vector(self, stem: str) -> bytes:
        """The published Pre-Command."""
        path = next((VECTORS / "rtds").glob(f"*/{stem}_PRECOMMAND_GBCS.HEX"))
        return bytes.fromhex(path.read_text("ascii").strip())

    def corrected(self, stem: str, message: GbcsMessage) -> DuisRequest:
        """The template, corrected to what its published message says (gbcs.md section 16)."""
        correction = self.corrections.get(stem, {})
        text = (VECTORS / "duis" / f"{stem}_REQUEST_DUIS.XML").read_text("utf-8")
        for pattern, by in correction.get("replace", []):
            text = re.sub(pattern, by, text)
        payload = decode_payload(message)
        if correction.get("certificates") and isinstance(payload, UpdateSecurityCredentials):
            held = iter([one.certificate.der for one in payload.replacements] + [one.der for one in payload.path])
            text = CERTIFICATE.sub(lambda found: found[1] + base64.b64encode(next(held)).decode() + found[2], text)
        return read_request(parse_document(text.encode()))


@pytest.fixture(scope="session")
def published() -> Published:
    if not VECTORS.is_dir():
        pytest.skip(f"no reference vectors in {VECTORS}")
    return Published()


# -- mutants of requests ---------------------------------------------------------------------------------------------

WORDS = (
    ("START", "STOP"),
    ("GBP", "ECB"),
    ("HOURLY", "DAILY"),
    ("Disable", "Unchanged", "Locked"),
    ("Digital Signature", "Key Agreement"),
    ("Supplier", "NetworkOperator", "LoadController"),
    ("Daily", "Weekly", "Monthly", "Quarterly", "SixMonthly", "Yearly"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ("true", "false"),
)
MARKERS = {
    "NonSpecifiedYear": ("SpecifiedYear", "2021"),
    "NonSpecifiedMonth": ("SpecifiedMonth", "7"),
    "NonSpecifiedDayOfMonth": ("SpecifiedDayOfMonth", "17"),
    "GasNonSpecifiedDayOfMonth": ("SpecifiedDayOfMonth", "17"),
    "NonSpecifiedDayOfWeek": ("SpecifiedDayOfWeek", "3"),
    "ActivateSwitch": ("DeactivateSwitch", ""),
    "DeactivateSwitch": ("ActivateSwitch", ""),
    "ALCS": ("HCALCS", "00-DB-12-34-56-78-90-FF"),
    "ResetMeterBalance": ("AdjustMeterBalance", "17"),
    "BlockTariff": ("TOUTariffAction", "4"),
}


def _texts(text: str) -> Iterator[str]:
    """Other texts of the same kind, the likeliest first."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        for step in (1, -1, 2, -2, 7):
            yield str(int(text) + step)
        return
    if re.fullmatch(r"[0-9]+\.[0-9]+", text):
        yield text[:-1] + ("1" if text[-1] != "1" else "2")
        return
    for words in WORDS:
        if text in words:
            yield from (one for one in words if one != text)
            return
    if text.startswith("3000-"):
        yield f"2030{text[4:]}"
        return
    if found := re.fullmatch(r"([0-9]{4,5}-[0-9]{2}-)([0-9]{2})((?:T.*)?Z?)", text):
        yield f"{found[1]}{int(found[2]) % 28 + 1:02}{found[3]}"
        return
    if found := re.fullmatch(r"([0-9]{2}):([0-9]{2})(:.*)", text):
        yield f"{found[1]}:{(int(found[2]) + 15) % 60:02}{found[3]}"
        return
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}", text):
        yield text[:-2] + ("01" if text[-2:] != "01" else "02")
    elif re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        yield text[:-1] + ("1" if text[-1] != "1" else "2")
    elif len(text) > 100:
        yield base64.b64encode(_flipped(base64.b64decode("".join(text.split())))).decode()
    elif text:
        yield text[:-1] + ("x" if text[-1] != "x" else "y")


def _flipped(octets: bytes) -> bytes:
    return octets[:-1] + bytes((octets[-1] ^ 1,))


def _place(element: Any) -> str:
    parts = []
    while element is not None:
        name, parent = etree.QName(element).localname, element.getparent()
        alike = [] if parent is None else list(parent.iterchildren(element.tag))
        parts.append(f"{name}[{alike.index(element) + 1}]" if len(alike) > 1 else name)
        element = parent
    return "/" + "/".join(reversed(parts))


def _is_valid(request: DuisRequest) -> bool:
    try:
        validate(request.body.getroottree().getroot())
    except ProtocolError:
        return False
    return True


def request_mutants(request: DuisRequest) -> Iterator[tuple[str, DuisRequest]]:
    """Every leaf and attribute changed to another value that the schema takes, one at a time.

    Gives the place that was changed and the request; the tree is put back when the next one is asked for.
    """
    root = request.body.getroottree().getroot()
    for element in [one for one in request.body.iter() if isinstance(one.tag, str)]:
        for name in list(element.attrib):
            kept = element.get(name)
            for text in _texts(kept):
                element.set(name, text)
                if _is_valid(request):
                    yield f"{_place(element)}/@{name}", read_request(root)
                    break
            element.set(name, kept)
        if any(isinstance(child.tag, str) for child in element):
            continue
        yield from _leaf_mutant(root, request, element)


def _leaf_mutant(root: Any, request: DuisRequest, element: Any) -> Iterator[tuple[str, DuisRequest]]:
    place, kept, tag = _place(element), element.text, element.tag
    marker = MARKERS.get(etree.QName(element).localname)
    if marker is not None and not (kept or "").strip():
        element.tag, element.text = f"{{{SR}}}{marker[0]}", marker[1]
        if _is_valid(request):
            yield place, read_request(root)
    else:
        for text in _texts((kept or "").strip()):
            element.text = text
            if _is_valid(request):
                yield place, read_request(root)
                break
    element.tag, element.text = tag, kept


def shorter_requests(request: DuisRequest) -> Iterator[tuple[str, DuisRequest]]:
    """Every element that may be absent left out, one at a time."""
    root = request.body.getroottree().getroot()
    for element in [one for one in request.body.iter() if isinstance(one.tag, str)]:
        parent = element.getparent()
        if element is request.body or parent is None:
            continue
        place, index = _place(element), parent.index(element)
        parent.remove(element)
        if _is_valid(request):
            yield place, read_request(root)
        parent.insert(index, element)


@pytest.fixture(scope="session")
def mutants_of_request() -> Callable[[DuisRequest], Iterator[tuple[str, DuisRequest]]]:
    return request_mutants


@pytest.fixture(scope="session")
def shorter_requests_of() -> Callable[[DuisRequest], Iterator[tuple[str, DuisRequest]]]:
    return shorter_requests


# -- mutants of Pre-Commands -----------------------------------------------------------------------------------------


def _values(value: object) -> Iterator[object]:
    """Other values of the same type, at every place of a value once."""
    match value:
        case bool():
            yield not value
        case KeyUsage():
            yield KeyUsage.KEY_AGREEMENT if value is not KeyUsage.KEY_AGREEMENT else KeyUsage.DIGITAL_SIGNATURE
        case int():
            yield value + 1 if value < 100 else value - 1
        case bytes():
            yield _flipped(value) if value else b"\x01"
        case str() if value and not value.strip("01"):
            yield from (value[:n] + "10"[int(bit)] + value[n + 1 :] for n, bit in enumerate(value))
        case str():
            yield value[:-1] + ("x" if value[-1:] != "x" else "y")
        case datetime():
            yield value - timedelta(seconds=1)
        case Eui64():
            yield Eui64(_flipped(value.octets))
        case tuple():
            yield from _tuples(value)
        case dict():
            for name, member in value.items():
                yield from ({**value, name: other} for other in _values(member))
        case _ if is_dataclass(value) and not isinstance(value, type):
            for one in fields(value):
                yield from (replace(value, **{one.name: other}) for other in _values(getattr(value, one.name)))


def _tuples(value: tuple[object, ...]) -> Iterator[object]:
    for number, member in enumerate(value):
        yield from ((*value[:number], other, *value[number + 1 :]) for other in _values(member))
    if value:
        yield value[:-1]
        yield (*value, value[-1])
    if len(value) > 1 and value[0] != value[1]:
        yield (value[1], value[0], *value[2:])


def _payloads(payload: object) -> Iterator[tuple[str, object]]:
    """What was changed, and the changed payload."""
    match payload:
        case dlms.AccessRequest(_, items, data):
            yield "long-invoke-id", replace(payload, invoke_id=payload.invoke_id ^ 1)
            for number, value in enumerate(data):
                for other in _values(value):
                    changed = (*data[:number], other, *data[number + 1 :])
                    yield f"datum {number + 1}", replace(payload, data=cast("tuple[d.Datum, ...]", changed))
            for number, item in enumerate(items):
                rest = items[:number], items[number + 1 :]
                for other in (
                    replace(item, class_id=item.class_id + 1),
                    replace(item, obis=_flipped(item.obis)),
                    replace(item, member=item.member + 1),
                ):
                    yield f"item {number + 1}", replace(payload, specifications=(*rest[0], other, *rest[1]))
                yield (
                    f"item {number + 1} left out",
                    dlms.AccessRequest(payload.invoke_id, rest[0] + rest[1], data[:number] + data[number + 1 :]),
                )
            yield "an item more", dlms.AccessRequest(payload.invoke_id, (*items, items[-1]), (*data, data[-1]))
        case gbz.GbzPayload(components):
            for number, component in enumerate(components):
                rest = components[:number], components[number + 1 :]
                for what, other in _components(component):
                    yield f"component {number + 1} {what}", gbz.GbzPayload((*rest[0], other, *rest[1]))
                if len(components) > 1:
                    yield f"component {number + 1} left out", gbz.GbzPayload(rest[0] + rest[1])
            yield "a component more", gbz.GbzPayload((*components, components[-1]))
        case _:
            yield from (("structure", other) for other in _values(payload))


def _components(component: gbz.Component) -> Iterator[tuple[str, gbz.Component]]:
    content = component.zcl()
    assert isinstance(content, zcl.ZclCommand)
    layout = zcl.layout_of(component.cluster, component.frame_control, component.command_id)
    for name, value in content.fields.items():
        for other in _values(value):
            changed = zcl.ZclCommand(content.name, {**content.fields, name: cast("zcl.FieldValue", other)})
            try:
                yield name, replace(component, payload=zcl.encode(changed, layout))
            except GbcsError:
                continue
    yield "frame control", replace(component, frame_control=component.frame_control ^ zcl.NO_DEFAULT_RESPONSE)
    yield "sequence number", replace(component, sequence=component.sequence + 1)
    start = component.from_date_time
    yield "From Date Time", replace(component, from_date_time=None if start is not None else 1)
    if start is not None:
        yield "From Date Time", replace(component, from_date_time=start ^ 1)


def message_mutants(pre_command: bytes) -> Iterator[tuple[str, bytes]]:
    """Every value of a Pre-Command changed, one at a time; what cannot be written is left out."""
    message = decode(pre_command)
    other = message.other
    headers: dict[str, GbcsMessage] = {
        "CRA": replace(message, cra=CRA.RESPONSE),
        "counter": replace(message, counter=message.counter + 1),
        "originator": replace(message, originator=Eui64(_flipped(message.originator.octets))),
        "target": replace(message, target=Eui64(_flipped(message.target.octets))),
        "date-time": replace(message, date_time=bytes.fromhex("07df0101ff000000008000ff")),
        "message code": replace(message, other=replace(other, message_code=other.message_code + 1)),
        "supplementary party": replace(message, other=replace(other, supplementary_party=message.originator)),
        "signature": replace(message, signature=bytes(64)),
        "MAC": replace(message, signature=b"", mac=bytes(12)),
    }
    for what, changed in headers.items():
        yield what, encode(changed)
    yield "a truncated message", pre_command[:-1]
    for what, payload in _payloads(decode_payload(message)):
        try:
            octets = encode_payload(cast("Any", payload), message.message_code, message.cra)
        except (GbcsError, ProtocolError):
            continue
        if octets != message.payload:
            yield what, encode(replace(message, payload=octets))


@pytest.fixture(scope="session")
def mutants_of_message() -> Callable[[bytes], Iterator[tuple[str, bytes]]]:
    return message_mutants
