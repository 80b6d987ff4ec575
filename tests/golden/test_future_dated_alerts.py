"""A future-dated Command names, in their order, what its Device later says that it did (gbcs.md sections 10 and 11).

Some of the alerts are published for Commands that are not: what they repeat of the Command is held against ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dccemu_protocol.gbcs import der, dlms, gbz
from dccemu_protocol.gbcs.datum import Datum, OctetString
from dccemu_protocol.gbcs.der_types import UpdateSecurityCredentials
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.zcl import ZclCommand
from dccemu_protocol.pki.certificate import parse

EXECUTED = "_8F66_"
DATE_TIME_OCTETS = 12
NAMES_COMMAND = {0x00CC: 6, 0x00CD: 0x0E}
"""Message codes of the alerts that name the Command, and what stands before it or how long it is."""


def command_name(alert: GbcsMessage) -> bytes:
    """Message code, Originator Counter and instruction, as the alert repeats them."""
    if alert.message_code == 0x00CC:
        return alert.payload[-19:]
    return alert.payload[-14:]


def instructions(command: GbcsMessage) -> Iterator[bytes]:
    """What a Device acts on at the execution time: class, OBIS and attribute, or cluster and command."""
    if command.payload[:1] == b"\xd9":
        access = dlms.decode(command.payload)
        assert isinstance(access, dlms.AccessRequest)
        for one, datum in zip(access.specifications, access.data, strict=True):
            if is_activation(datum):
                yield one.class_id.to_bytes(2, "big") + one.obis + bytes((one.member,))
        return
    for component in gbz.decode(command.payload).components:
        content = component.zcl()
        assert isinstance(content, ZclCommand)
        if component.from_date_time is not None or {"startTime", "implementationTime"} & set(content.fields):
            yield gbz.encode(gbz.GbzPayload((component,)))[4:6] + component_command(component)


def component_command(component: gbz.Component) -> bytes:
    """The command of a component."""
    octets = gbz.encode(gbz.GbzPayload((component,)))
    header = 8 if component.from_date_time is None else 12
    return octets[header + 2 : header + 3]


def is_activation(datum: Datum) -> bool:
    return isinstance(datum, OctetString) and len(datum.value) == DATE_TIME_OCTETS


def test_an_alert_repeats_the_command(reference: Any, decoded: Any) -> None:
    alerts: dict[str, list[GbcsMessage]] = {}
    for name, path in reference.messages.items():
        if EXECUTED in name:
            stem = name.split("_ALERT_")[0].replace(EXECUTED, "_")
            alerts.setdefault(stem, []).append(decoded(bytes.fromhex(path.read_text("ascii").strip())))
    seen = 0
    for stem, published in alerts.items():
        command = reference.transform(stem)[1].message
        for alert in published:
            assert (alert.originator, alert.target) == (command.target, command.originator), stem
        named = [one for one in published if one.message_code in NAMES_COMMAND]
        expected = list(instructions(command)) if named else []
        places = {}
        for alert in named:
            name = command_name(alert)
            assert name[:10] == command.message_code.to_bytes(2, "big") + command.counter.to_bytes(8, "big"), stem
            instruction = name[10:] if alert.message_code == 0x00CC else name[10:12] + name[13:]
            places[alert.counter] = expected.index(instruction)
            seen += 1
        assert len({place - counter for counter, place in places.items()}) <= 1, f"{stem}: {places}"
    assert seen > 30


@pytest.mark.parametrize(
    "stem",
    [
        "CS02bSupplierBySupplier_6.15.1_FUTURE_DATED_SUCCESS",
        "CS02gLoadControllerBySupplier_6.15.1_FUTURE_DATED_SUCCESS",
        "CS02bSupplierByTransCoS_6.23_FUTURE_DATED_SUCCESS",
    ],
)
def test_an_outcome_repeats_counter_and_owners_of_the_command(reference: Any, decoded: Any, stem: str) -> None:
    name = stem.replace("_FUTURE", "_8F66_FUTURE")
    alert = decoded(reference.octets(name, "ALERT"))
    command = reference.transform(stem)[1].message
    assert (alert.originator, alert.target) == (command.target, command.originator)
    body = der.decode(command.payload, command.message_code, command.cra)
    assert isinstance(body, UpdateSecurityCredentials)
    counter = command.counter.to_bytes(2, "big")
    assert b"\x02\x02" + counter in alert.payload
    for replacement in body.replacements:
        assert parse(replacement.certificate.der).eui.octets in alert.payload
