"""Every open reference vector: decoded, encoded to the same octets, verified, opened (gbcs.md section 17).

``PCS01`` and ``PCS02`` run between two Devices whose private keys are not published: their MACs cannot be checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import pytest

from dccemu_protocol.gbcs import gbz, zcl
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode, encode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.keysource import KeystoreKeys, NoKeys
from dccemu_protocol.gbcs.payload import decode_payload, encode_payload
from dccemu_protocol.gbcs.verdicts import HAN_COMMANDS, Opener, Verdict, mac_verdict, signature_verdict

INVALID = (Verdict.INVALID, Verdict.UNKNOWN_KEY)


class Vector(Protocol):
    name: str
    octets: bytes
    message: GbcsMessage


def test_every_message_re_encodes_to_the_same_octets(gbcs_vectors: tuple[Vector, ...]) -> None:
    for one in gbcs_vectors:
        assert encode(replace(decode(one.octets))) == one.octets, one.name


def test_every_payload_re_encodes_to_the_same_octets(gbcs_vectors: tuple[Vector, ...]) -> None:
    protocols: Counter[str] = Counter()
    for one in gbcs_vectors:
        payload = decode_payload(one.message)
        assert encode_payload(payload, one.message.message_code, one.message.cra) == one.message.payload, one.name
        protocols[type(payload).__module__.rpartition(".")[2]] += 1
    assert protocols["dlms"] >= 644
    assert protocols["gbz"] >= 296
    assert protocols["der_types"] + protocols["builtins"] >= 156


def test_every_zigbee_command_re_encodes_from_its_fields(gbcs_vectors: tuple[Vector, ...]) -> None:
    count = 0
    for one in gbcs_vectors:
        payload = decode_payload(one.message)
        if not isinstance(payload, gbz.GbzPayload):
            continue
        for component in payload.components:
            if not component.is_encrypted:
                assert zcl.encode(component.zcl()) == component.payload, one.name
                count += 1
    assert count >= 918


def test_every_signature_verifies(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    verdicts = Counter((one.message.cra, signature_verdict(one.message, published_keys)) for one in gbcs_vectors)

    assert not any(verdict in INVALID for _, verdict in verdicts)
    assert verdicts[CRA.COMMAND, Verdict.VALID] >= 158
    assert verdicts[CRA.RESPONSE, Verdict.VALID] >= 160
    assert verdicts[CRA.ALERT, Verdict.VALID] >= 60


def test_every_mac_verifies(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    verdicts: Counter[tuple[CRA, Verdict]] = Counter()
    for one in gbcs_vectors:
        verdict = mac_verdict(one.message, published_keys)
        if one.message.message_code in HAN_COMMANDS:
            assert verdict is Verdict.UNKNOWN_KEY, one.name
            continue
        assert verdict not in INVALID, one.name
        verdicts[one.message.cra, verdict] += 1
    assert verdicts[CRA.COMMAND, Verdict.VALID] >= 435
    assert verdicts[CRA.RESPONSE, Verdict.VALID] >= 278
    assert verdicts[CRA.ALERT, Verdict.VALID] >= 12


def test_changed_protections_are_seen(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    for one in gbcs_vectors[::9]:
        message = one.message
        if message.signature:
            changed = replace(message, signature=message.signature[:-1] + bytes((message.signature[-1] ^ 1,)))
            assert signature_verdict(changed, published_keys) is Verdict.INVALID, one.name
        if message.mac and message.message_code not in HAN_COMMANDS:
            changed = replace(message, mac=message.mac[:-1] + bytes((message.mac[-1] ^ 1,)))
            assert mac_verdict(changed, published_keys) is Verdict.INVALID, one.name
        changed = replace(message, counter=message.counter + 1)
        assert signature_verdict(changed, published_keys) is not Verdict.VALID, one.name
        assert mac_verdict(changed, published_keys) is not Verdict.VALID, one.name


def test_without_keys_nothing_is_valid_and_nothing_invalid(gbcs_vectors: tuple[Vector, ...]) -> None:
    verdicts = {
        verdict
        for one in gbcs_vectors
        for verdict in (signature_verdict(one.message, NoKeys()), mac_verdict(one.message, NoKeys()))
    }

    assert verdicts == {Verdict.ABSENT, Verdict.UNKNOWN_KEY}


def test_every_encrypted_component_opens_to_its_fields(
    gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys
) -> None:
    count = 0
    for one in gbcs_vectors:
        payload = decode_payload(one.message)
        if not isinstance(payload, gbz.GbzPayload):
            continue
        opener = Opener(one.message, published_keys)
        for component in payload.components:
            if component.is_encrypted:
                plain = opener.open(component.payload)
                assert plain is not None, one.name
                assert zcl.encode(component.zcl(plain)) == plain, one.name
                count += 1
    assert count >= 37


@pytest.mark.parametrize("trailer", [b"\x00", b"\xff" * 3])
def test_no_vector_may_be_followed_by_anything(gbcs_vectors: tuple[Vector, ...], trailer: bytes) -> None:
    for one in gbcs_vectors:
        message = decode(one.octets)
        if message.signature is None and trailer == b"\x00":
            continue
        with pytest.raises(GbcsError):
            decode(one.octets + trailer)


def test_no_payload_may_be_truncated(gbcs_vectors: tuple[Vector, ...]) -> None:
    for one in gbcs_vectors[::3]:
        payload = one.message.payload
        for length in {0, 1, len(payload) // 2, len(payload) - 1}:
            shorter = replace(one.message, payload=payload[:length])
            try:
                found = decode_payload(shorter)
            except GbcsError:
                continue
            assert isinstance(found, gbz.GbzAlert), (one.name, length)


def test_commands_to_the_credentials_of_each_role(vector: Callable[[str], Vector]) -> None:
    message = vector("CS02aMAC_6.24.1_SUCCESS_COMMAND").message

    assert message.message_code == 0x0008
    assert message.mac is not None
