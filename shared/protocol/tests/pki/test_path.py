"""The path check refuses what a relying party must not rely on (smki.md sections 2 and 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, TrustStore, Usage, check_path, issuing_oca_z1

if TYPE_CHECKING:
    from .conftest import Hierarchy

AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def store(hierarchy: Hierarchy) -> TrustStore:
    made = TrustStore()
    made.learn(hierarchy.root)
    made.learn(hierarchy.issuing)
    return made


def refusal(*args: object, **purpose: object) -> str:
    with pytest.raises(ProtocolError) as caught:
        check_path(*args, **purpose)  # type: ignore[arg-type]
    return caught.value.rule


def test_an_issued_certificate_is_relied_on(hierarchy: Hierarchy, store: TrustStore) -> None:
    certificate = hierarchy.organisation()

    check_path(
        certificate, store, AT, roles={RemotePartyRole.SUPPLIER}, usage=Usage.DIGITAL_SIGNATURE, owner=certificate.eui
    )


def test_purpose_decides_role_usage_and_owner(hierarchy: Hierarchy, store: TrustStore) -> None:
    certificate = hierarchy.organisation()

    assert refusal(certificate, store, AT, roles={3}) == "CERTIFICATE_ROLE"
    assert refusal(certificate, store, AT, usage=Usage.KEY_AGREEMENT) == "CERTIFICATE_USAGE"
    assert refusal(certificate, store, AT, owner=Eui64(bytes(8))) == "CERTIFICATE_OWNER"


def test_dates_are_judged_by_the_clock_given(hierarchy: Hierarchy, store: TrustStore) -> None:
    certificate = hierarchy.organisation()

    assert refusal(certificate, store, certificate.not_before - timedelta(seconds=1)) == "CERTIFICATE_NOT_YET_VALID"
    assert refusal(certificate, store, certificate.not_after + timedelta(seconds=1)) == "CERTIFICATE_EXPIRED"


def test_a_serial_on_the_crl_is_refused(hierarchy: Hierarchy, store: TrustStore) -> None:
    certificate = hierarchy.organisation()
    store.revoke("CN=EMU1, OU=07", certificate.serial, "keyCompromise")

    assert refusal(certificate, store, AT) == "CERTIFICATE_REVOKED"


def test_an_issuer_on_the_arl_takes_its_certificates_along(hierarchy: Hierarchy, store: TrustStore) -> None:
    store.revoke(hierarchy.issuing.issuer, hierarchy.issuing.serial)

    assert refusal(hierarchy.organisation(), store, AT) == "ISSUER_REVOKED"
    assert refusal(hierarchy.issuing, store, AT) == "ISSUER_REVOKED"


def test_what_was_relied_on_before_is_refused_once_it_or_its_issuer_is_revoked(
    hierarchy: Hierarchy, store: TrustStore
) -> None:
    one, other = hierarchy.organisation(), hierarchy.organisation(serial=0x12 << 120)
    check_path(one, store, AT)
    check_path(other, store, AT)

    store.revoke(one.issuer, one.serial)
    assert refusal(one, store, AT) == "CERTIFICATE_REVOKED"
    store.good_path(one)
    assert refusal(one, store, AT) == "CERTIFICATE_REVOKED"

    check_path(other, store, AT)
    assert refusal(other, store, other.not_after + timedelta(seconds=1)) == "CERTIFICATE_EXPIRED"
    store.revoke(hierarchy.issuing.issuer, hierarchy.issuing.serial)
    assert refusal(other, store, AT) == "ISSUER_REVOKED"


def test_what_was_relied_on_before_follows_the_rules_of_pinned_ones_once_it_is_pinned(
    hierarchy: Hierarchy, store: TrustStore
) -> None:
    certificate = hierarchy.organisation()
    late = certificate.not_after + timedelta(seconds=1)
    check_path(certificate, store, AT)
    assert refusal(certificate, store, late) == "CERTIFICATE_EXPIRED"

    store.pin(certificate)

    check_path(certificate, store, late)


def test_an_unknown_root_and_a_foreign_policy_are_refused(hierarchy: Hierarchy, store: TrustStore) -> None:
    assert refusal(hierarchy.organisation(), TrustStore(), AT) == "CERTIFICATE_ISSUER_UNKNOWN"
    rootless = TrustStore()
    rootless.learn(hierarchy.issuing)
    assert refusal(hierarchy.organisation(), rootless, AT) == "CERTIFICATE_ISSUER_UNKNOWN"
    assert refusal(hierarchy.organisation(policy="1.2.3.4"), store, AT) == "CERTIFICATE_POLICY"


def test_a_certificate_that_only_names_the_issuer_is_refused(
    published: Keystore, hierarchy: Hierarchy, store: TrustStore
) -> None:
    store.learn(issuing_oca_z1(), pinned=True, dated=False)
    borrowed = published.certificates(Eui64.from_hex("90b3d51f30010000"), Usage.DIGITAL_SIGNATURE, 135)[0]

    assert refusal(borrowed, store, AT) == "CERTIFICATE_SIGNATURE"
    store.pin(borrowed)
    check_path(borrowed, store, AT)


def test_dates_of_the_published_set_are_judged_only_when_configured(published: Keystore) -> None:
    expired = published.certificates(Eui64.from_hex("90b3d51f30010000"), Usage.DIGITAL_SIGNATURE, 2)[0]
    relaxed, strict = TrustStore(), TrustStore(enforce_dates=True)
    for store in (relaxed, strict):
        store.learn(issuing_oca_z1(), pinned=True, dated=False)

    check_path(expired, relaxed, AT)
    assert refusal(expired, strict, AT) == "CERTIFICATE_EXPIRED"
