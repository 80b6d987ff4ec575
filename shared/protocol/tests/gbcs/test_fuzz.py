"""Whatever octets arrive, reading them raises the codec's own error or nothing.

``DCCEMU_FUZZ_CASES`` sets how many; with ``DCCEMU_NIGHTLY`` in the environment 100,000 of each kind.
"""

from __future__ import annotations

import os
import random
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, encode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.inspect import inspect, text
from dccemu_protocol.gbcs.keysource import KeystoreKeys
from dccemu_protocol.gbcs.names import message_codes
from dccemu_protocol.gbcs.read import read
from dccemu_protocol.identifiers import Eui64

# A changed certificate may have a negative serial number, which the X.509 reader only warns of.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

NIGHTLY_CASES = 100_000
CASES = int(os.environ.get("DCCEMU_FUZZ_CASES", str(NIGHTLY_CASES if "DCCEMU_NIGHTLY" in os.environ else 500)))
ONE = Eui64(bytes(8))
FIRST_OCTETS = [b"", b"\xd9", b"\xda", b"\x0f", b"\x01\x09", b"\x30", b"\x02", b"\x13"]


class Vector(Protocol):
    name: str
    octets: bytes
    message: GbcsMessage


def try_reading(octets: bytes, keys: KeystoreKeys | None = None) -> bool:
    """Whether the octets are a message; any error but the codec's own escapes."""
    try:
        text(inspect(octets, keys))
    except GbcsError as error:
        if error.offset is not None and not 0 <= error.offset <= len(octets):
            raise AssertionError(f"offset {error.offset} is outside {octets.hex()}") from error
        return False
    return True


def mutated(octets: bytes, chance: random.Random) -> bytes:
    """Octets changed, removed, doubled or swapped at a few places."""
    changed = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                changed[place] ^= 1 << chance.randrange(8)
            case 2:
                del changed[place : place + chance.randint(1, 8)]
            case 3:
                changed[place:place] = chance.randbytes(chance.randint(1, 8))
            case _:
                changed[place] = chance.choice((0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0xFF))
        if not changed:
            return b""
    return bytes(changed)


@pytest.mark.timeout(3600)
@settings(max_examples=CASES)
@given(st.binary(max_size=300))
def test_random_octets(octets: bytes) -> None:
    try_reading(octets)
    try_reading(b"\xdf\x09" + octets)
    try_reading(b"\xdd" + bytes(6) + octets)


@pytest.mark.timeout(3600)
@settings(max_examples=CASES)
@given(
    st.sampled_from(sorted(message_codes())) | st.integers(0, 0xFFFF),
    st.sampled_from(CRA),
    st.sampled_from(FIRST_OCTETS),
    st.binary(max_size=200),
)
def test_random_payloads(code: int, cra: CRA, first: bytes, rest: bytes) -> None:
    try_reading(encode(GbcsMessage(cra, 1, ONE, ONE, OtherInformation(code), first + rest, signature=b"")))


@pytest.mark.timeout(3600)
def test_changed_vectors(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    chance = random.Random(2015)
    for _ in range(max(1, CASES // len(gbcs_vectors))):
        for one in gbcs_vectors:
            try_reading(mutated(one.octets, chance), published_keys)


@pytest.mark.timeout(3600)
def test_changed_payloads_within_sound_headers(gbcs_vectors: tuple[Vector, ...]) -> None:
    chance = random.Random(826)
    for _ in range(max(1, CASES // len(gbcs_vectors))):
        for one in gbcs_vectors:
            message = one.message
            wrong = GbcsMessage(
                message.cra, message.counter, message.originator, message.target, message.other,
                mutated(message.payload, chance), message.date_time, message.signature, message.mac,
            )  # fmt: skip
            try_reading(encode(wrong))


def test_message_code_that_nobody_knows_is_still_read_when_its_protocol_is_known() -> None:
    octets = bytes.fromhex("d9200003e80001010001" + "0000000201ff020100")

    found = read(encode(GbcsMessage(CRA.COMMAND, 1, ONE, ONE, OtherInformation(0xFFFF), octets)))

    assert found.use_case is None
    assert found.title is None
