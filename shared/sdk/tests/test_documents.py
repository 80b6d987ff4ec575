"""Templates filled in, and Signed Pre-Commands built."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dccemu_protocol.duis import parse_document, read_request, validate
from dccemu_protocol.duis.canonical import canonical
from dccemu_protocol.gbcs.crypto import verify_signature
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.pki import Keystore, RemotePartyRole, Usage
from dccemu_sdk import Identity, KeyMissing, address, signed_pre_command

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
OTHER = Eui64.parse("90-B3-D5-1F-30-03-00-00")
DCC = Eui64.parse("90-B3-D5-1F-30-00-00-02")


def test_a_template_is_addressed(read_registers: bytes) -> None:
    at = datetime(2026, 4, 1, tzinfo=UTC)

    filled = address(
        read_registers, originator=OTHER, target=DCC, counter=77, command_variant=3, execution_date_time=at
    )

    root = parse_document(filled)
    validate(root)
    request = read_request(root)
    assert str(request.request_id) == f"{OTHER}:{DCC}:77"
    assert (request.command_variant, request.execution_date_time) == (3, at)


def test_what_is_not_named_stays(read_registers: bytes) -> None:
    before, after = (read_request(parse_document(one)) for one in (read_registers, address(read_registers)))

    assert (before.request_id, before.command_variant) == (after.request_id, after.command_variant)


def test_a_signed_pre_command_repeats_the_request(synchronise_clock: bytes) -> None:
    request = read_request(parse_document(synchronise_clock))

    root = parse_document(signed_pre_command(request, b"gbcs", 6))

    validate(root)
    again = read_request(root)
    assert again.is_signed_pre_command
    assert again.request_id == request.request_id
    assert again.service_reference_variant == "6.11"
    assert (again.command_variant, again.gbcs_payload) == (6, b"gbcs")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"first_in_sequence": False, "preceding": RequestId(SUPPLIER, OTHER, 7)},
        {"execution_date_time": datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)},
        {"service_reference": 'a<b>&"c"\r\t\n', "schema_version": '5<4>&"\r\t\n'},
    ],
    ids=["plain", "in a sequence", "future dated", "with what must be escaped"],
)
def test_a_signed_pre_command_is_built_in_canonical_form(
    store: Keystore, synchronise_clock: bytes, changes: dict[str, Any]
) -> None:
    identity = Identity(store, SUPPLIER)
    request = read_request(parse_document(synchronise_clock))._replace(**changes)

    built = signed_pre_command(request, b"gbcs")

    assert canonical(parse_document(built)) == built
    assert identity.sign_canonical(built) == identity.sign_document(built)


@pytest.mark.parametrize("ending", ["none", "empty"], ids=["without signature field", "with an empty one"])
def test_a_pre_command_is_signed_in_the_users_role(
    store: Keystore, synchronise_clock: bytes, new_pre_command: Any, ending: str
) -> None:
    request = read_request(parse_document(synchronise_clock))
    octets = encode(new_pre_command(request)) + (b"\x00" if ending == "empty" else b"")

    signed = decode(Identity(store, SUPPLIER).sign_pre_command(octets))

    key = store.private_key(SUPPLIER, Usage.DIGITAL_SIGNATURE, RemotePartyRole.SUPPLIER)
    assert key is not None
    verify_signature(signed, key.public_key())
    assert signed.payload == decode(octets).payload


def test_a_user_without_keys_is_told_so(store: Keystore) -> None:
    with pytest.raises(KeyMissing, match="90-B3-D5-1F-30-03-00-00"):
        _ = Identity(store, OTHER).signer
    with pytest.raises(KeyMissing, match="remote party role"):
        _ = Identity(store, DCC).gbcs_key
