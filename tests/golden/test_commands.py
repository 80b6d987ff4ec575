"""Every published Service Request becomes the published message, octet for octet."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.gbcs.crypto import verify_mac, verify_signature
from dccemu_protocol.gbcs.envelope import decode, encode, signed_part
from dccemu_protocol.pki.names import RemotePartyRole, Usage


@pytest.mark.checklist("B14")
def test_a_service_request_becomes_the_published_message(reference: Any, pair_stem: str, kind: str) -> None:
    wanted = reference.octets(pair_stem, kind)
    request, made = reference.transform(pair_stem, decode(wanted))
    assert (made.signer == "user") == (kind == "PRECOMMAND")
    if made.signer == "user":
        assert encode(made.message).hex() == wanted.hex()
        return
    message = reference.complete(made)
    if made.signer is None:
        assert encode(message).hex() == wanted.hex()
        return
    assert signed_part(message).hex() == signed_part(decode(wanted)).hex()
    verify_mac(message, reference.secret(request.device))
    role = RemotePartyRole.TRANSITIONAL_COS if made.signer == "cos" else RemotePartyRole.ACCESS_CONTROL_BROKER
    certificate = reference.keystore.certificate(message.originator, Usage.DIGITAL_SIGNATURE, role)
    verify_signature(message, certificate.public_key)


def test_only_the_corrected_requests_differ_from_their_messages(reference: Any, pair_stem: str, kind: str) -> None:
    wanted = decode(reference.octets(pair_stem, kind))
    _, made = reference.transform(pair_stem)
    assert (signed_part(made.message) == signed_part(wanted)) == (pair_stem not in reference.corrections)
