"""The published test PKI: everything that smki.md section 10 says holds on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, Kind, Usage, assemble, issuing_oca_z1, key_identifier, profiles
from dccemu_protocol.pki.subjects import authority_name


def test_issuing_oca_z1_has_the_key_identifier_of_its_point() -> None:
    z1 = issuing_oca_z1()

    assert key_identifier(z1.point).hex().upper() == "4F5688D7EC933BE2"
    assert (z1.kind, z1.role, z1.path_length, z1.subject) == (Kind.ISSUING, 7, 0, "CN=Z1,OU=07")


def test_every_published_key_identifier_follows_the_rule(published: Keystore) -> None:
    certificates = [entry.certificate for entry in published if entry.certificate]

    assert len(certificates) == 443
    assert all(key_identifier(c.point) == c.ski and c.has_ski for c in certificates)


def test_reading_a_certificate_gives_role_owner_and_usage_of_the_list(
    published: Keystore, listed: list[Mapping[str, str]]
) -> None:
    by_serial = {entry.certificate.serial: entry.certificate for entry in published if entry.certificate}
    compared = 0
    for row in listed:
        found = by_serial.get(int(row["serial_dec"]))
        if found is None:
            continue
        compared += 1
        assert found.eui == Eui64.from_hex(row["eui64"])
        assert (found.role, found.usage.short, found.serial_hex) == (
            int(row["role_dec"]),
            row["usage"],
            row["serial_hex"],
        )
        assert (found.aki.hex().upper() if found.aki else "-") == row["aki"]
    assert compared > 25


def test_issued_by_z1_verifies_under_its_key_and_self_made_under_their_own(published: Keystore) -> None:
    z1 = issuing_oca_z1()
    for entry in published:
        certificate = entry.certificate
        if certificate is None or certificate.kind is Kind.DEVICE:
            continue
        if certificate.aki == z1.ski and not entry.source.startswith("rtds/90b3d51f30010008"):
            certificate.verify_signed_by(z1.public_key)
        elif certificate.aki is None:
            certificate.verify_signed_by(certificate.public_key)


def test_profiles_give_the_published_contents_octet_for_octet(
    published: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    z1 = issuing_oca_z1()
    monkeypatch.setattr(profiles, "issuer_name", lambda issuer: authority_name(*names[issuer.ski]))
    names: dict[bytes, tuple[str, int | None]] = {z1.ski: ("Z1", 7)}
    organisations = devices = 0
    for entry in published:
        found = entry.certificate
        if found is None or found.aki is None:
            continue
        issuer = replace(z1, ski=found.aki)
        if found.kind is Kind.DEVICE:
            names[found.aki] = ("E357", None)
            devices += 1
            content = profiles.device_content(
                issuer=issuer,
                eui=entry.eui,
                usage=found.usage,
                key=found.public_key,
                serial=found.serial,
                start=found.not_before,
                policy=found.policies[0],
                hardware_type=found.hardware_type or "",
            )
        elif profiles.validity(found.not_before, 10) == (found.not_before, found.not_after) and found.aki == z1.ski:
            organisations += 1
            content = profiles.organisation_content(
                issuer=issuer,
                eui=entry.eui,
                role=found.role or 0,
                usage=found.usage,
                key=found.public_key,
                serial=found.serial,
                start=found.not_before,
                common_name=found.common_name,
            )
        else:
            continue
        assert content == found.content, entry.source
        assert assemble(content, found.signature) == found.der
    assert devices == 400
    assert organisations > 25


def test_a_published_command_of_the_cos_party_verifies_with_its_certificate(published: Keystore) -> None:
    keys = published.certificates(Eui64.from_hex("90b3d51f30000004"), Usage.DIGITAL_SIGNATURE, 5)

    assert keys[0].serial_hex == "3CE369AB08F102975C5490D6B88FC066"


def test_issuing_oca_is_embedded_in_the_published_commands(vectors: Path) -> None:
    der = issuing_oca_z1().der.hex().upper()
    commands = [path for path in vectors.glob("rtds/*/*COMMAND_GBCS.HEX") if der in path.read_text()]

    assert commands


def test_a_certificate_under_another_key_is_refused(published: Keystore) -> None:
    certificate = published.certificates(Eui64.from_hex("90b3d51f30010000"), Usage.DIGITAL_SIGNATURE, 2)[0]

    with pytest.raises(ProtocolError, match="CERTIFICATE_SIGNATURE"):
        certificate.verify_signed_by(certificate.public_key)
