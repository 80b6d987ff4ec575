"""Alerts on demand have the layout of the published ones: message code, protection, content types."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.gbcs import crypto, der, dlms, gbz
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode
from dccemu_protocol.gbcs.octets import Cursor
from dccemu_protocol.gbcs.respond import DeviceFacts, Draft, alert
from dccemu_protocol.gbcs.respond.keys import scalar_of
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore
from dccemu_sm_wan.domain.on_demand import Asked, order

VECTORS = Path(os.environ.get("DCCEMU_VECTORS", Path(__file__).resolve().parents[5] / "shared" / "vectors"))
AT = datetime(2015, 1, 1, tzinfo=UTC)
TYPES = ("ESME", "GSME", "CHF", "GPF", "PPMID", "HCALCS", "SAPC")
HOLDERS = {
    2: "90b3d51f30010000",
    3: "90b3d51f30020000",
    4: "90b3d51f30000002",
    8: "90b3d51f30010008",
}
DEVICE = "00db1234567890a1"
PARAMETERS = {
    "device": DEVICE,
    "hash": "01" * 32,
    "version": "0123abcd",
    "cause": "0005",
    "message": "00" * 25,
    "channel": "e0000001",
}
STEMS = [
    "CCS08_NA_NA",
    "CS09_NA_8F8B",
    "CS14_NA_8F12",
    "DBCH04_6.28_NA_SUCCESS_ALERT_DBCH09",
    "DBCH06_NA_8F20",
    "DBCH07_NA_8F26",
    "DBCH08_NA_8F28",
    "DBCH10_NA_8F2C",
    "DBCH11_NA_8F2D",
    "ECS101_NA_8F86_OUTPUT",
    "ECS102_NA_8F87_OUTPUT",
    "ECS200_NA_8F88",
    "ECS68_NA_8F0A_SINGLE",
    "ECS80_NA_8F36",
    "FDRA-DLMS_NA_8F72",
    "FDRA-ZigBee_NA_8F72",
    "GCA-DLMS_NA_8F30",
    "GCA-ZigBee_NA_8F30",
    "GCS53_NA_8F0A",
    "GCS62_NA_8071",
    "GNCA-DLMS_NA_810E",
    "GNCA-ZigBee_NA_810E",
    "MIIWA-DLMS_NA_81A0",
    "MIIWA-ZigBee_NA_81A0",
]


def shape(value: d.Datum) -> object:
    match value:
        case d.Structure(elements):
            return ["structure", *map(shape, elements)]
        case d.Array(elements):
            return ["array", *sorted({str(shape(element)) for element in elements})]
        case d.CompactArray(row_type, _):
            return ["compact-array", row_type]
        case d.OctetString(octets):
            return ["octets", "blob" if octets.startswith(b"\x31\x00\x00\x00\x00") else len(octets)]
        case _:
            return type(value).__name__


def message_shape(message: GbcsMessage) -> object:
    head = (
        message.message_code,
        message.target,
        len(message.signature or b""),
        message.mac is None,
        message.other.supplementary_party,
        message.other.supplementary_counter,
    )
    if message.payload[0] == 0x0F:
        return [head, shape(dlms.decode(message.payload).body)]
    if message.payload[:2] == b"\x01\x09":
        read = gbz.decode_alert(message.payload)
        if message.message_code != 0x008B:
            return [head, read.alert_code, len(read.extra)]
        component = gbz.read_component(Cursor(read.extra), True)
        return [head, component.cluster, component.frame_control, component.command_id, component.frame_counter]
    content = der.decode(message.payload, message.message_code, CRA.ALERT)
    return [head, type(content).__name__, content.alert_code]


def code_of(message: GbcsMessage) -> int:
    if message.payload[0] == 0x0F:
        return dlms.decode(message.payload).body.elements[0].value
    if message.payload[:2] == b"\x01\x09":
        return gbz.decode_alert(message.payload).alert_code
    return der.decode(message.payload, message.message_code, CRA.ALERT).alert_code


@pytest.fixture(scope="module")
def store() -> keystore.Keystore:
    if not VECTORS.is_dir():
        pytest.skip(f"reference vectors are absent: {VECTORS} does not exist (set DCCEMU_VECTORS)")
    return keystore.load(VECTORS / "keystore.json")


@pytest.mark.parametrize("stem", STEMS)
def test_alert_has_the_published_layout(store, stem):
    (path,) = (VECTORS / "rtds").glob(f"*/{stem}_*GBCS.HEX")
    published = decode(bytes.fromhex(path.read_text()))
    facts = DeviceFacts(published.originator.hex, TYPES[published.originator.octets[-1] & 0x0F])
    own = ec.generate_private_key(ec.SECP256R1())
    state = Draft({"key/digitalSignature": scalar_of(own), "key/keyAgreement": scalar_of(own)})
    for role, eui in HOLDERS.items():
        for usage in ("digitalSignature", "keyAgreement"):
            certificate = store.certificate(Eui64.from_hex(eui), Usage.of(usage))
            state.put(f"cell/{role}/{usage}/0", {"eui": eui, "ski": "", "der": certificate.der.hex()})
    state.put("hub/log", {DEVICE: "83fed3407a939723a5c639b26916d506"})
    state.put("han/log", {DEVICE: 5})
    code = code_of(published)
    parameters = {**PARAMETERS, "cause": "00"} if code == 0x8F26 else PARAMETERS

    octets = alert(facts, state, order(facts, state, Asked(code, None, parameters), AT), AT)

    ours = decode(octets)
    assert message_shape(ours) == message_shape(published)
    if ours.mac is None:
        crypto.verify_signature(ours, own.public_key())
