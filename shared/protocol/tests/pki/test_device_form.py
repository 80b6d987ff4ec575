"""A form filled in gives the very octets of the ordinary builder (smki.md section 2.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage, assemble, parse, profiles
from dccemu_protocol.pki.device_form import device_form

if TYPE_CHECKING:
    from .conftest import Hierarchy


@pytest.mark.parametrize("usage", [Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT])
def test_a_filled_form_equals_a_built_certificate(hierarchy: Hierarchy, usage: Usage) -> None:
    key = ec.derive_private_key(99, ec.SECP256R1()).public_key()
    start = datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC)
    device = Eui64.from_hex("00DB1234567890A4")
    built = profiles.device_content(
        issuer=hierarchy.issuing, eui=device, usage=usage, key=key, serial=3 << 120, start=start
    )
    point = parse(assemble(built, hierarchy.issuing_signer(built))).point

    filled = device_form(hierarchy.issuing, usage, start).fill(3 << 120, point, device)

    assert filled == built
    read = parse(assemble(filled, hierarchy.issuing_signer(filled)))
    assert (read.kind, read.eui, read.usage, read.not_after) == (Kind.DEVICE, device, usage, profiles.NEVER_EXPIRES)
