"""Every published Pre-Command, signed as published, becomes the published Command, octet for octet."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_protocol.gbcs.transform import command_from_pre_command


def test_a_signed_pre_command_becomes_the_published_command(reference: Any, signed_stem: str) -> None:
    command = reference.octets(signed_stem, "COMMAND")
    message = decode(command)
    signed = reference.octets(signed_stem, "PRECOMMAND") + b"\x40" + message.signature
    made = command_from_pre_command(decode(signed), reference.secret(message.target))
    assert encode(made).hex() == command.hex()


def test_a_pre_command_without_signature_is_refused(reference: Any, signed_stem: str) -> None:
    octets = reference.octets(signed_stem, "PRECOMMAND")
    for unsigned in octets, octets + b"\x00":
        with pytest.raises(ProtocolError, match="PRE_COMMAND_SIGNATURE"):
            command_from_pre_command(decode(unsigned), bytes(32))
