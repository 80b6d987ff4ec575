"""Key stores of both JSON forms (smki.md section 8.1) and the look-ups the services and the SDK use."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, Usage, keystore, public_point

SUPPLIER = Eui64.from_hex("90B3D51F30010000")
BROKER = Eui64.from_hex("90B3D51F30000002")


def test_the_list_form_comes_back_as_it_was_written(published: Keystore) -> None:
    text = keystore.save(published)

    assert keystore.save(keystore.load(text)) == text


def test_the_clients_form_keeps_every_certificate_with_its_key(published: Keystore) -> None:
    again = keystore.load(keystore.save_for_clients(published))

    certificates = {entry.certificate for entry in published if entry.certificate and published.key_for(entry)}
    assert {entry.certificate for entry in again} == certificates
    assert all(again.key_for(entry) for entry in again)


def test_xml_signers_are_found_by_user_and_by_issuer_and_serial(published: Keystore) -> None:
    signing = published.xml_signer(SUPPLIER)
    dcc = published.xml_signer(BROKER)

    assert signing
    assert dcc
    assert (signing[1].role, dcc[1].serial_hex) == (135, "0F4889EF197D41E9016966F9D5AB0402")
    assert published.by_issuer_serial("CN=Z1, OU=07", signing[1].serial) == signing[1]
    assert published.find("CN=Z1,OU=07", 20315062944123339095836004026371736578) is not None
    assert public_point(signing[0].public_key()) == signing[1].point


def test_top_up_keys_are_told_apart_by_their_place_only(published: Keystore) -> None:
    ordinary = published.certificate(SUPPLIER, Usage.KEY_AGREEMENT, 2)
    top_up = published.certificate(SUPPLIER, Usage.KEY_AGREEMENT, 2, top_up=True)

    assert ordinary
    assert top_up
    assert (ordinary.serial_hex, top_up.serial_hex) == (
        "3B362657731E6B2BBE078650CFA14F15",
        "703733774EF2B8E50F7AF2BBB33C198F",
    )


def test_a_key_without_certificate_is_kept() -> None:
    key = ec.derive_private_key(5, ec.SECP256R1())
    store = Keystore([Entry("made here", SUPPLIER, Usage.KEY_AGREEMENT, None, None, key)])

    again = keystore.load(keystore.save(store))

    assert again.private_key(SUPPLIER, Usage.KEY_AGREEMENT) is not None
    assert again.certificate(SUPPLIER, Usage.KEY_AGREEMENT) is None


@pytest.mark.parametrize(
    "text",
    ["", "7", "[7]", "[{}]", '{"90b3d51f30010000": 3}', '[{"certificate": 3}]', '[{"eui64": "00", "usage": "ds"}]'],
)
def test_other_documents_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        keystore.load(text)
