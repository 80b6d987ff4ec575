"""The recovery Command has the shape of the published one (vector CS02bAnyExceptAbnormalRootByRecovery)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.gbcs import crypto, der, envelope
from dccemu_protocol.gbcs import der_types as types
from dccemu_protocol.gbcs.envelope import CRA
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, keystore, parse
from dccemu_smki.domain.recovery import MESSAGE_CODE, Cell, read_outcome, recovery_command, renewed

FOLDER = "rtds/NA_CS02bAnyExceptAbnormalRootByRecovery"
STEM = "CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS"


def octets(vectors: Path, kind: str) -> bytes:
    path = vectors / FOLDER / f"{STEM}_{kind}_GBCS.HEX"
    if not path.is_file():
        pytest.skip(f"the vector is not at {path}")
    return bytes.fromhex(path.read_text().strip())


def test_a_command_has_the_structure_of_the_published_one(vectors: Path) -> None:
    published = envelope.decode(octets(vectors, "COMMAND"))
    content = der.decode(published.payload, MESSAGE_CODE, CRA.COMMAND)
    assert isinstance(content, types.UpdateSecurityCredentials)
    store = keystore.load(vectors / "keystore.json")
    recovery = Eui64.from_hex("90b3d51f30000001")
    key = store.private_key(recovery, Usage.DIGITAL_SIGNATURE, 1)
    certificate = store.certificate(recovery, Usage.DIGITAL_SIGNATURE, 1)
    assert key
    assert certificate
    crypto.verify_signature(published, certificate.public_key)
    replaced = [one for one in content.replacements if one.cell.role in (2, 3)]

    made = envelope.decode(
        recovery_command(
            originator=published.originator,
            device=published.target,
            counter=published.counter,
            replacements=[
                (
                    Cell(one.cell.role, parse(one.certificate.der).usage, one.cell.cell_usage == 1),
                    parse(one.certificate.der),
                )
                for one in replaced
            ],
            path=[parse(one.der) for one in content.path],
            key=key,
            check_dates=False,
        )
    )

    crypto.verify_signature(made, certificate.public_key)
    assert (made.other, made.originator, made.target, made.mac) == (published.other, recovery, published.target, None)
    ours = der.decode(made.payload, MESSAGE_CODE, CRA.COMMAND)
    assert isinstance(ours, types.UpdateSecurityCredentials)
    assert ours.replacements == tuple(replaced)
    assert ours.path == content.path
    assert ours.control.authorising_cell == content.control.authorising_cell
    wanted = tuple(floor for floor in content.control.other_floors or () if floor.role in (2, 3))
    assert ours.control.other_floors == wanted


def test_a_repeated_command_differs_in_its_counter_only() -> None:
    key = ec.derive_private_key(3, ec.SECP256R1())
    made = recovery_command(
        originator=Eui64(bytes(8)), device=Eui64(bytes(8)), counter=1, replacements=[], path=[], key=key, floor=7
    )

    first, again = envelope.decode(made), envelope.decode(renewed(made, 9, key))

    crypto.verify_signature(again, key.public_key())
    before, after = (der.decode(one.payload, MESSAGE_CODE, CRA.COMMAND) for one in (first, again))
    assert isinstance(before, types.UpdateSecurityCredentials)
    assert isinstance(after, types.UpdateSecurityCredentials)
    assert (again.counter, after.control.originator_counter) == (9, 9)
    assert replace(after, control=replace(after.control, originator_counter=1)) == before
    assert replace(again, counter=1, payload=first.payload, signature=first.signature) == first


def test_the_published_response_says_that_all_succeeded(vectors: Path) -> None:
    outcome = read_outcome(octets(vectors, "RESPONSE"))

    assert outcome is not None
    assert outcome[0] == 7000
    assert len(outcome[1]) == 8
    assert all(outcome[1])


def test_a_command_is_no_outcome() -> None:
    key = ec.derive_private_key(3, ec.SECP256R1())
    made = recovery_command(
        originator=Eui64(bytes(8)), device=Eui64(bytes(8)), counter=1, replacements=[], path=[], key=key
    )

    assert read_outcome(made) is None
