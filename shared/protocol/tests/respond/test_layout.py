"""The Response to every published Command has the layout of the published Response; values may differ.

Compared are header, protection, and the payload's items with their kinds, results and data types. Arrays, log rows and
repeated components count once: how many entries a Device has is its own business.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.gbcs import crypto, der, dlms, gbz, utrn, zcl
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode
from dccemu_protocol.gbcs.respond import respond
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore, parse

ACB = "90b3d51f30000002"
# Reads whose period begins after the moment the vectors are made for.
LATER = {"GCS15c": datetime(2015, 4, 2, tzinfo=UTC)}
_SKIP = {
    "CS02bAnyByContingency": "symmetric contingency key: not modelled",
    "CS02d": "the certificate is of a key that only the published Device has",
    "PCS01": "PPMID to GSME, not from a remote party",
    "PCS02": "PPMID to GSME, not from a remote party",
}


def pairs(folder: Path) -> list[Path]:
    found = []
    for command in sorted((folder / "rtds").glob("*/*_COMMAND_GBCS.HEX")):
        if any(word in command.name for word in ("ERROR", "PRECOMMAND", "NOT_FOUND")):
            continue
        response = Path(str(command).replace("_COMMAND_GBCS", "_RESPONSE_GBCS"))
        if response.exists() and command.name.split("_")[0] not in _SKIP:
            found.append(command)
    return found


class Reader:
    """Opens encrypted values of the published Device and of ours."""

    def __init__(self, message: GbcsMessage, private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey):
        self.key = crypto.encryption_key(message, crypto.shared_secret(private, public))
        self.device = message.originator

    def open(self, blob: bytes) -> bytes:
        return crypto.decrypt(blob, self.key, self.device)


def unique(items: list[object]) -> list[object]:
    found: list[object] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def collapsed(items: list[object]) -> list[object]:
    return [item for place, item in enumerate(items) if place == 0 or items[place - 1] != item]


def datum_shape(value: d.Datum, reader: Reader | None) -> object:
    match value:
        case d.Structure((d.Array(_), d.OctetString(blob))) if blob.startswith(b"\x31\x00\x00\x00\x00") and reader:
            return ["protected", datum_shape(value.elements[0], None), datum_shape(d.decode(reader.open(blob)), None)]
        case d.Structure(elements):
            return ["structure", *(datum_shape(element, reader) for element in elements)]
        case d.Array(elements):
            return ["array", *unique([datum_shape(element, reader) for element in elements])]
        case d.CompactArray(row_type, _):
            return ["compact-array", row_type]
        case _:
            return type(value).__name__


def component_shape(component: gbz.Component, reader: Reader | None) -> object:
    plain = None
    if component.is_encrypted:
        assert reader is not None
        plain = reader.open(component.payload)
    payload = component.zcl(plain)
    head = (component.cluster, component.frame_control & 0x0F, component.command_id, component.is_encrypted)
    match payload:
        case zcl.ReadAttributesResponse(records):
            return [head, *((one.attribute, one.status, one.type) for one in records)]
        case zcl.ZclCommand(name, values):
            return [head, name, sorted(values)]
        case zcl.DefaultResponse(_, status):
            return [head, status]
        case _:
            return [head]


def value_shape(value: object) -> object:
    if isinstance(value, tuple):
        return ["sequence of", *unique([value_shape(item) for item in value])]
    if isinstance(value, t.ReplacementResult | t.ResponseCode | t.ActivateFirmwareResult | t.SetTimeResult):
        named = getattr(value, "code", getattr(value, "status", None))
        return [type(value).__name__, named]
    if is_dataclass(value) and not isinstance(value, Eui64):
        return [type(value).__name__, *(value_shape(getattr(value, field.name)) for field in fields(value))]
    return type(value).__name__


def shape(message: GbcsMessage, reader: Reader | None) -> object:
    head = (
        message.cra,
        message.counter,
        message.originator,
        message.target,
        len(message.date_time),
        message.other.message_code,
        message.other.supplementary_party,
        message.other.supplementary_counter,
        message.other.supplementary_originator_counter is None,
        len(message.signature or b""),
        message.mac is None,
    )
    payload = message.payload
    if payload[0] == 0xDA:
        response = dlms.decode(payload)
        assert isinstance(response, dlms.AccessResponse)
        items = [
            (result.operation, result.result, datum_shape(value, reader))
            for value, result in zip(response.data, response.results, strict=True)
        ]
        return [head, response.invoke_id, items]
    if payload[:2] == b"\x01\x09":
        return [head, collapsed([component_shape(one, reader) for one in gbz.decode(payload).components])]
    return [head, value_shape(der.decode(payload, message.message_code, CRA.RESPONSE))]


def role_of(command: GbcsMessage, roles: frozenset[int], by_eui: dict[str, int]) -> int:
    role = by_eui[command.originator.hex]
    # Handover of DCC controlled cells: the broker holds the Supplier's or Network Operator's.
    return role if role in roles else next(iter(roles))


def test_published_commands_are_answered_in_the_published_layout(vectors, bench, roles_by_eui):
    store = keystore.load(vectors / "keystore.json")
    by_eui = roles_by_eui

    def certificate(eui: str, usage: str, cell_usage: str) -> bytes | None:
        found = store.certificate(Eui64.from_hex(eui), Usage.of(usage), top_up=cell_usage == "1")
        return found.der if found else None

    wrong: list[str] = []
    tried = 0
    for path in pairs(vectors):
        name = path.name.split("_")[0]
        command = decode(bytes.fromhex(path.read_text()))
        published = decode(bytes.fromhex(Path(str(path).replace("_COMMAND", "_RESPONSE")).read_text()))
        device = bench(command.target.hex, LATER.get(name, datetime(2015, 1, 1, tzinfo=UTC)))
        device.facts = replace(device.facts, variant="B" if "TWIN" in path.name else "A")
        for eui, role in by_eui.items():
            if f"cell/{role}/digitalSignature/0" not in device.stored:
                device.hold(role, eui, certificate)
        draft = device.draft()
        rules = device.occasion(command, 0, draft).rules
        role = role_of(command, rules.roles, by_eui)
        device.hold(role, command.originator.hex, certificate)
        prepare(name, command, draft, certificate)
        occasion = device.occasion(command, role, draft)
        if name in ("CS01a", "CS01b"):
            occasion.command = with_own_utrn(command, store, device)
        try:
            answer = decode(respond(occasion))
            reader = other = None
            reading = command.other.supplementary_party or command.originator
            private = store.private_key(reading, Usage.KEY_AGREEMENT)
            public = store.certificate(command.target, Usage.KEY_AGREEMENT)
            if private is not None and public is not None:
                other = Reader(published, private, public.public_key)
                reader = Reader(answer, device.own["keyAgreement"], mine(command, device, role))
            ours, theirs = shape(answer, reader), shape(published, other)
        except Exception as error:  # noqa: BLE001 - every failing vector is named
            wrong.append(f"{path.name}: {error!r}")
            continue
        tried += 1
        if ours != theirs:
            wrong.append(f"{path.name}:\n  ours   {ours}\n  theirs {theirs}")

    assert tried > 150
    assert wrong == [], "\n".join(wrong)


def with_own_utrn(command: GbcsMessage, store: keystore.Keystore, device) -> GbcsMessage:
    """The Command with a top-up code made for the Device at hand: the published one is for another key."""
    private = store.private_key(command.originator, Usage.KEY_AGREEMENT, top_up=True)
    secret = crypto.shared_secret(private, device.own["keyAgreement"].public_key())
    digits = utrn.generate(1000, command.counter, command.originator, command.target, secret).encode()
    start = len(command.payload) - 20
    return replace(command, payload=command.payload[:start] + digits)


def mine(command: GbcsMessage, device, role: int) -> ec.EllipticCurvePublicKey:
    der_octets = command.other.certificate or bytes.fromhex(device.stored[f"cell/{role}/keyAgreement/0"]["der"])
    return parse(der_octets).public_key


def prepare(name: str, command: GbcsMessage, draft, certificate) -> None:
    """Bring the Device into the state that the published Response speaks of."""
    if name == "CS02e":
        draft.put_octets("certificate/digitalSignature", certificate(command.target.hex, "ds", "0") or b"")
    if name in ("CS10a", "CS10b"):
        draft.put("log/event", [[473299200, 0x8145, ""]])
        draft.put("log/security", [[473299200, 0x8F74, ""]])
    if name.startswith("CS04"):
        draft.put("han/log", {command.payload[2:10].hex(): 5})
    if name == "CS06":
        draft.put("firmware/image", {"hash": command.payload[4:36].hex(), "version": "0123abce"})
    if name == "CS07":
        draft.put("han/log", {"0102030405060708": 3})
    if name in ("CCS05CCS04", "CCS06", "CCS07"):
        draft.put("hub/log", {"00db1234567890a0": "83fed3407a939723a5c639b26916d506"})
        draft.put("hub/historic", {"00db1234567890a3": "00112233445566778899a1a2a3a4a5a6"})
