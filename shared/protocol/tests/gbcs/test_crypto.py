"""Signature, MAC and encryption: worked examples of gbcs.md section 4 and what each protection detects."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import crypto
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode, signed_part
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.identifiers import Eui64

SECRET = bytes.fromhex("ed342441df01551a6beaff3b54adc981f4c6a7e71dff4c3e1cc80b3c9f4e5ac0")
SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
ESME = Eui64.parse("00-DB-12-34-56-78-90-A0")
COMMAND = bytes.fromhex(
    "dd000000000000471100000000df090100000000000003e80890b3d51f300100000800db1234567890a00002005913d9200003e8"
    "00010100010000000201ff02010000a25a51a93bafa5c9e2b224bd"
)
PRE_COMMAND = bytes.fromhex(
    "df090100000000000003e80890b3d51f300100000800db1234567890a00002004f15d9200003e8000103000900000a006aff0101120033"
)
KEYS = [ec.derive_private_key(number, ec.SECP256R1()) for number in range(11, 16)]


def message(cra: CRA = CRA.RESPONSE, **other: object) -> GbcsMessage:
    return GbcsMessage(cra, 1000, ESME, SUPPLIER, OtherInformation(0x27, **other), b"\xda", signature=b"")  # type: ignore[arg-type]


def test_key_derivation_example() -> None:
    assert crypto.derive_key(SECRET, SUPPLIER, 1, 1000, ESME).hex() == "ec1d51bd8f8bf0cdd2314cf396cc12c0"


def test_mac_example_of_a_command() -> None:
    command = decode(COMMAND)
    crypto.verify_mac(command, SECRET)

    again = crypto.add_mac(replace(command, signature=None, mac=None), SECRET)

    assert encode(again) == COMMAND
    assert crypto.encode_with_mac(replace(command, signature=None, mac=None), SECRET) == COMMAND


def test_a_message_is_signed_and_encoded_at_once() -> None:
    unsigned = message(supplementary_party=SUPPLIER, supplementary_counter=7)

    assert crypto.encode_signed(unsigned, KEYS[0]) == encode(crypto.sign(unsigned, KEYS[0]))


def test_signature_covers_from_transaction_id_to_payload() -> None:
    covered = signed_part(decode(PRE_COMMAND))

    assert covered == PRE_COMMAND[1:]
    assert sha256(covered).hexdigest() == "0598fbd5ab7c8f579e1da3195fde9afa742c34b7ee1af4d658e85ed03ce5eae2"


def test_encryption_example() -> None:
    key = bytes.fromhex("12cb821c471ec2144c68e12a5657f9fd")
    plain = bytes.fromhex("02010204060000000a02020f00161e060000000a02020f001620")

    blob = crypto.encrypt(plain, key, ESME)

    assert blob.hex().startswith("3100000000e3035372")
    assert len(blob) == 0x2B
    assert crypto.decrypt(blob, key, ESME) == plain


def test_signing_may_be_deterministic() -> None:
    pre_command = decode(PRE_COMMAND)

    first = crypto.sign(pre_command, KEYS[0])
    second = crypto.sign(pre_command, KEYS[0])
    free = crypto.sign(pre_command, KEYS[0], deterministic=False)

    assert first == second
    assert free.signature != first.signature
    for signed in (first, free):
        crypto.verify_signature(signed, KEYS[0].public_key())
        assert decode(encode(signed)) == signed


@given(st.integers(0, 63), st.integers(1, 255))
def test_any_changed_octet_of_a_signature_is_detected(place: int, change: int) -> None:
    signed = crypto.sign(decode(PRE_COMMAND), KEYS[0])
    assert signed.signature is not None
    changed = bytearray(signed.signature)
    changed[place] ^= change

    with pytest.raises(GbcsError) as refusal:
        crypto.verify_signature(replace(signed, signature=bytes(changed)), KEYS[0].public_key())

    assert refusal.value.code == "GBCS_SIGNATURE_INVALID"


def test_signature_of_another_key_is_detected() -> None:
    signed = crypto.sign(decode(PRE_COMMAND), KEYS[0])

    with pytest.raises(GbcsError):
        crypto.verify_signature(signed, KEYS[1].public_key())


@pytest.mark.parametrize("signature", [None, b""])
def test_missing_signature_is_named(signature: bytes | None) -> None:
    with pytest.raises(GbcsError) as refusal:
        crypto.verify_signature(replace(decode(PRE_COMMAND), signature=signature), KEYS[0].public_key())

    assert refusal.value.code == "GBCS_SIGNATURE_ABSENT"


@given(st.integers(13, len(COMMAND) - 1), st.integers(1, 255))
def test_any_changed_octet_under_or_in_the_mac_is_detected(place: int, change: int) -> None:
    changed = bytearray(COMMAND)
    changed[place] ^= change

    with pytest.raises(GbcsError):
        crypto.verify_mac(decode(bytes(changed)), SECRET)


@pytest.mark.parametrize(
    "change", [{"counter": 1001}, {"originator": ESME}, {"target": SUPPLIER}, {"cra": CRA.ALERT}, {"payload": b""}]
)
def test_mac_binds_header_and_payload(change: dict[str, object]) -> None:
    with pytest.raises(GbcsError) as refusal:
        crypto.verify_mac(replace(decode(COMMAND), **change), SECRET)  # type: ignore[arg-type]

    assert refusal.value.code == "GBCS_MAC_INVALID"


def test_missing_mac_is_named() -> None:
    with pytest.raises(GbcsError) as refusal:
        crypto.verify_mac(decode(PRE_COMMAND), SECRET)

    assert refusal.value.code == "GBCS_MAC_ABSENT"


def test_both_ends_of_a_key_agreement_have_the_same_secret() -> None:
    mine, theirs = KEYS[2], KEYS[3]

    assert crypto.shared_secret(mine, theirs.public_key()) == crypto.shared_secret(theirs, mine.public_key())


def test_secret_cache_is_bounded_and_gives_the_right_secret_after_forgetting() -> None:
    cache = crypto.SecretCache(limit=3)
    publics = [key.public_key() for key in KEYS[1:]]

    first = [cache.get(KEYS[0], public) for public in publics]
    second = [cache.get(KEYS[0], public) for public in publics]

    assert len(cache) == 3
    assert first == second
    assert len(set(first)) == len(publics)
    cache.clear()
    assert len(cache) == 0


def test_encryption_key_uses_the_supplementary_identities() -> None:
    party = Eui64.parse("00-DB-12-34-56-78-00-04")
    plain = crypto.encryption_key(message(), SECRET)
    for_party = crypto.encryption_key(message(supplementary_party=party, supplementary_counter=7), SECRET)
    fresh = crypto.encryption_key(
        message(supplementary_party=party, supplementary_counter=7, supplementary_originator_counter=2000), SECRET
    )

    assert plain == crypto.derive_key(SECRET, ESME, 4, 1000, SUPPLIER)
    assert for_party == crypto.derive_key(SECRET, ESME, 4, 1000, party)
    assert fresh == crypto.derive_key(SECRET, ESME, 4, 2000, party)


@given(st.binary(max_size=200), st.binary(min_size=16, max_size=16))
def test_encrypted_value_opens_with_its_key_alone(plain: bytes, key: bytes) -> None:
    blob = crypto.encrypt(plain, key, ESME)

    assert crypto.decrypt(blob, key, ESME) == plain
    for other_key, owner in ((bytes(one ^ 1 for one in key), ESME), (key, SUPPLIER)):
        with pytest.raises(GbcsError) as refusal:
            crypto.decrypt(blob, other_key, owner)
        assert refusal.value.code == "GBCS_DECRYPTION_FAILED"


@given(st.binary(max_size=16))
def test_octets_that_are_no_encrypted_value_are_refused(octets: bytes) -> None:
    with pytest.raises(GbcsError):
        crypto.decrypt(octets, bytes(16), ESME)
