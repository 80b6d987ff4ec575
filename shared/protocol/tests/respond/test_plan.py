"""Requests that are taken apart once: what differs from one Command to the next is each one's own."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation
from dccemu_protocol.gbcs.respond.dlms import carry_out
from dccemu_protocol.identifiers import Eui64

SUPPLIER, OTHER = Eui64.from_hex("90b3d51f30010000"), Eui64.from_hex("90b3d51f30010008")
DEVICE = Eui64.from_hex("00db1234567890a0")
REGISTERS = dlms.obis_octets("0-0:94.44.34.10")
_DATA_PROTECTION = dlms.Specification(dlms.Operation.ACTION, 30, dlms.obis_octets("0-0:43.2.8.255"), 1)


def transaction(counter: int) -> bytes:
    return b"\x04" + counter.to_bytes(8, "big")


def protected_read(counter: int, originator: Eui64, *, named: bytes | None = None, obis: bytes = REGISTERS) -> Any:
    """A Command that reads registers by data protection; ``named`` is another transaction id in its data."""
    everything = d.structure(d.Enum(0), d.NULL)
    target = d.structure(d.LongUnsigned(1), d.OctetString(obis), d.Integer(2), d.LongUnsigned(0), everything)
    agreement = d.structure(d.Enum(2), d.structure(d.OctetString(b"\x02"), d.OctetString(b"")))
    parties = [d.OctetString(transaction(counter) if named is None else named)]
    parties += [d.OctetString(originator.octets), d.OctetString(DEVICE.octets), d.OctetString(b"")]
    how = d.structure(d.Enum(2), d.structure(*parties, agreement))
    payload = dlms.encode(
        dlms.AccessRequest(
            dlms.invoke_id(counter), (_DATA_PROTECTION,), (d.structure(d.array([target]), d.array([how])),)
        )
    )
    return GbcsMessage(CRA.COMMAND, counter, originator, DEVICE, OtherInformation(0x0027), payload)


@pytest.fixture
def device(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Device whose encryption is left out: what it would have encrypted is in the open."""
    made = bench()
    monkeypatch.setattr("dccemu_protocol.gbcs.respond.occasion.Occasion.encrypt", lambda self, plain: plain)
    return made


def answer(device: Any, command: GbcsMessage) -> dlms.AccessResponse:
    response = dlms.decode(carry_out(device.occasion(command, 2)))
    assert isinstance(response, dlms.AccessResponse)
    return response


def named_in(response: dlms.AccessResponse) -> list[bytes]:
    """Transaction id, originator and recipient that a protected answer names."""
    match response.data[0]:
        case d.Structure((d.Array((d.Structure((_, d.Structure((*parties, _, _)))),)), _)):
            return [party.value for party in parties]  # type: ignore[union-attr]
    raise AssertionError(response)


def test_each_protected_answer_names_its_own_transaction_and_reader(device: Any) -> None:
    asked = [(7, SUPPLIER), (8, SUPPLIER), (8, OTHER), (2**40, OTHER)]

    answers = [answer(device, protected_read(counter, originator)) for counter, originator in asked]

    assert [named_in(one) for one in answers] == [
        [transaction(counter), DEVICE.octets, originator.octets] for counter, originator in asked
    ]
    assert [one.invoke_id for one in answers] == [dlms.invoke_id(counter) for counter, _ in asked]
    assert len({answers[0].data[0].elements[1], answers[3].data[0].elements[1]}) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("named", [transaction(9), transaction(0)])
def test_a_transaction_that_is_not_the_commands_own_is_named_as_it_came(device: Any, named: bytes) -> None:
    answer(device, protected_read(7, SUPPLIER))

    assert named_in(answer(device, protected_read(7, SUPPLIER, named=named)))[0] == named


def test_what_cannot_be_read_is_refused_each_time(device: Any) -> None:
    unknown = dlms.obis_octets("0-0:94.44.34.250")

    refused = [answer(device, protected_read(counter, SUPPLIER, obis=unknown)).results for counter in (1, 2)]

    assert [result.result for (result,) in refused] == [4, 4]
