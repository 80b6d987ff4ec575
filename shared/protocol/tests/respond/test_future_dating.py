"""Future-dated Commands: the published Alerts, in order, are what the Device sends at the time (gbcs.md section 11)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from dccemu_protocol.gbcs import der as der_codec
from dccemu_protocol.gbcs import dlms, gbz
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode
from dccemu_protocol.gbcs.respond import alert, fire, respond
from dccemu_protocol.gbcs.respond.activation import pending_name
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore


def content(message: GbcsMessage) -> tuple[object, ...]:
    """Alert code, time and what names the instruction."""
    payload = message.payload
    if payload[0] == 0x0F:
        code, time, item = dlms.decode(payload).body.elements
        return code.value, time.value, item.value
    if payload[:2] == b"\x01\x09":
        read = gbz.decode_alert(payload)
        # The published GCS05 Alerts name the calendar commands with frame control 01 (gbcs.md section 16).
        return read.alert_code, read.time, read.extra[:-2] + bytes((read.extra[-2] & 0x01, read.extra[-1]))
    read = der_codec.decode(payload, message.message_code, CRA.ALERT)
    return read.alert_code, read.time


def published(folder: Path) -> dict[Path, list[GbcsMessage]]:
    """Each published future-dated Command with its Alerts, in the order of the Device's counter."""
    alerts: dict[tuple[str, str], list[GbcsMessage]] = defaultdict(list)
    for path in (folder / "rtds").glob("*/*8F66*ALERT*_GBCS.HEX"):
        twin = "TWIN" if "TWIN" in path.name else ""
        alerts[path.parent.name, twin].append(decode(bytes.fromhex(path.read_text())))
    found = {}
    for path in sorted((folder / "rtds").glob("*/*FUTURE_DATED*SUCCESS_COMMAND_GBCS.HEX")):
        twin = "TWIN" if "TWIN" in path.name else ""
        own = sorted(alerts[path.parent.name, twin], key=lambda one: one.counter)
        if own:
            found[path] = own
    return found


@pytest.fixture(scope="module")
def store(vectors) -> keystore.Keystore:
    return keystore.load(vectors / "keystore.json")


def test_instructions_fire_as_published(vectors, store, bench, roles_by_eui):
    def certificate(eui: str, usage: str, cell_usage: str) -> bytes | None:
        found = store.certificate(Eui64.from_hex(eui), Usage.of(usage), top_up=cell_usage == "1")
        return found.der if found else None

    wrong, tried = [], 0
    for path, expected in published(vectors).items():
        command = decode(bytes.fromhex(path.read_text()))
        device = bench(command.target.hex)
        for eui, role in roles_by_eui.items():
            if f"cell/{role}/digitalSignature/0" not in device.stored:
                device.hold(role, eui, certificate)
        draft = device.draft()
        if command.message_code == 0x0012:
            draft.put("firmware/image", {"hash": command.payload[4:36].hex(), "version": "0123abce"})
        respond(device.occasion(command, roles_by_eui[command.originator.hex], draft))
        device.keep(draft)

        later = device.draft()
        orders = fire(device.facts, later, pending_name(command.message_code))
        sent = [decode(alert(device.facts, later, order, device.at)) for order in orders]

        tried += 1
        heads = [(one.message_code, one.target) for one in sent]
        # Part of the published Alerts is kept out of the folder: the Device's counter says which one each is.
        ours, theirs = [content(one) for one in sent], [content(one) for one in expected]
        first = ours.index(theirs[0]) if theirs[0] in ours else 0
        places = [first + one.counter - expected[0].counter for one in expected]
        chosen = [ours[place] for place in places if place < len(ours)]
        if chosen != theirs or set(heads) != {(one.message_code, one.target) for one in expected}:
            wrong.append(f"{path.name}: {ours} not {theirs}, {heads}")
        assert (
            pending_name(command.message_code) not in {**device.stored, **later.changes}
            or later.changes[pending_name(command.message_code)] is None
        )

    assert tried > 5
    assert wrong == [], "\n".join(wrong)
