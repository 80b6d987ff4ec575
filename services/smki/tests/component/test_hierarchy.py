"""The hierarchy as it is served, read by a library that did not make it (smki.md section 2)."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha1
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import (
    Kind,
    TrustStore,
    Usage,
    assemble,
    check_path,
    csr,
    keystore,
    parse,
    parse_pem,
    profiles,
    signer,
)
from dccemu_protocol.pki.subjects import authority_name

from ..conftest import OTHER_SUPPLIER, device_csr, key

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
LIVE_POLICIES = {"1.2.826.0.1.8641679.1.2.1.4", "1.2.826.0.1.8641679.1.2.1.2"}
KEY_USAGE, BASIC, POLICIES, SKI, AKI, SAN = (
    ExtensionOID.KEY_USAGE,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
)
ORDER = {
    "root": [KEY_USAGE, BASIC, POLICIES, SKI],
    "issuing": [KEY_USAGE, BASIC, POLICIES, SKI, AKI],
    "organisation": [KEY_USAGE, SKI, POLICIES, AKI],
    "device": [KEY_USAGE, SKI, SAN, POLICIES, AKI],
}
CRITICAL = {KEY_USAGE, BASIC, POLICIES, SAN}
YEARS = {"root": 50, "issuing": 25, "organisation": 10}


def identifier(certificate: x509.Certificate) -> bytes:
    """RFC 5280, 4.2.1.2, method 2: 0100 and the last 60 bits of SHA-1 over the point."""
    point = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)  # type: ignore[arg-type]
    digest = sha1(point).digest()
    return bytes([0x40 | digest[-8] & 0x0F]) + digest[-7:]


def check_profile(kind: str, certificate: x509.Certificate) -> None:
    """What section 2 says of every certificate, and of each kind."""
    extensions = list(certificate.extensions)
    assert [one.oid for one in extensions] == ORDER[kind]
    assert {one.oid for one in extensions if one.critical} == CRITICAL & set(ORDER[kind])
    assert certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
    assert b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02" in certificate.public_bytes(Encoding.DER)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.serial_number.bit_length() in range(121, 128)
    ski = certificate.extensions.get_extension_for_oid(SKI).value
    assert isinstance(ski, x509.SubjectKeyIdentifier)
    assert ski.digest == identifier(certificate)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    is_authority = kind in ("root", "issuing")
    assert (usage.key_cert_sign, usage.crl_sign) == (is_authority, is_authority)
    assert usage.digital_signature + usage.key_agreement == (0 if is_authority else 1)
    if is_authority:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (basic.ca, basic.path_length) == (True, 0 if kind == "issuing" else None)
    (policy,) = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert policy.policy_identifier.dotted_string in LIVE_POLICIES
    assert policy.policy_qualifiers is None
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert (begins.hour, begins.minute, begins.second) == (0, 0, 0)
    if kind == "device":
        assert ends == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert certificate.subject == x509.Name([])
    else:
        assert (ends.year - begins.year, ends.hour, ends.second) == (YEARS[kind], 23, 59)


async def authorities(house: House) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await house.admin.get("/admin/smki/authorities")).json()
    return listed


async def one_of_each(house: House) -> dict[str, x509.Certificate]:
    """An Organisation and a Device Certificate, as the admin port issues them."""
    organisation = csr.build_organisation_csr(key(7), Eui64.parse(OTHER_SUPPLIER), 2, Usage.KEY_AGREEMENT)
    made = {"organisation": organisation, "device": device_csr(8, DEVICE)}
    found = {}
    for kind, der in made.items():
        answer = await house.admin.post(f"/admin/smki/{kind}-certificates", json={"csr": der.hex()})
        found[kind] = x509.load_pem_x509_certificate(answer.json()["certificates"][0]["pem"].encode())
    return found


@pytest.mark.checklist("B1")
async def test_every_certificate_has_the_profile_of_its_kind_and_is_signed_by_its_issuer(house: House) -> None:
    listed = [one for one in await authorities(house) if one["hierarchy"] == "live"]
    made = {one["duty"]: x509.load_pem_x509_certificate(one["pem"].encode()) for one in listed}
    leaves = await one_of_each(house)

    for duty, certificate in made.items():
        check_profile(duty.partition("-")[0], certificate)
    for kind, certificate in leaves.items():
        check_profile(kind, certificate)
    pairs = {
        "root-oca": made["root-oca"],
        "issuing-oca": made["root-oca"],
        "root-dca": made["root-dca"],
        "issuing-dca": made["root-dca"],
    }
    for duty, issuer in pairs.items():
        made[duty].verify_directly_issued_by(issuer)
    leaves["organisation"].verify_directly_issued_by(made["issuing-oca"])
    leaves["device"].verify_directly_issued_by(made["issuing-dca"])
    names = {duty: certificate.subject.rfc4514_string() for duty, certificate in made.items()}
    assert names == {
        "root-oca": "CN=EMDR,OU=00",
        "issuing-oca": "CN=EMD1,OU=07",
        "root-dca": "CN=EMDD",
        "issuing-dca": "CN=EMDE",
    }
    sizes = {kind: len(one.public_bytes(Encoding.DER)) for kind, one in leaves.items()}
    assert 404 <= sizes["organisation"] <= 409
    assert 418 <= sizes["device"] <= 422


async def test_the_contingency_key_is_put_aside_sealed_and_in_no_certificate(house: House) -> None:
    sealed = await house.smki.database.pool.fetchval("SELECT sealed FROM sealed_keys WHERE name = 'contingency'")
    contingency = await house.smki.vault.private_key("contingency")

    assert contingency
    point = contingency.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert point not in sealed
    ders = await house.smki.database.pool.fetch("SELECT der FROM certificates")
    assert not any(point in row["der"] for row in ders)


async def test_several_issuing_authorities_stand_beside_one_another(house: House, eventually: Eventually) -> None:
    before = await one_of_each(house)
    added = {}
    for duty in ("issuing-oca", "issuing-dca"):
        answer = await house.admin.post("/admin/smki/authorities", json={"duty": duty})
        added[duty] = answer.json()["subject"]
    organisation = csr.build_organisation_csr(key(17), Eui64.parse(OTHER_SUPPLIER), 2, Usage.KEY_AGREEMENT)
    made = {}
    for kind, der in {"organisation": organisation, "device": device_csr(18, DEVICE)}.items():
        answer = await house.admin.post(f"/admin/smki/{kind}-certificates", json={"csr": der.hex()})
        made[kind] = parse_pem(answer.json()["certificates"][0]["pem"])

    assert added == {"issuing-oca": "CN=EMD2,OU=07", "issuing-dca": "CN=EMDF"}
    assert (made["organisation"].issuer, made["device"].issuer) == ("CN=EMD2,OU=07", "CN=EMDF")
    await eventually(lambda: {one.eui for one in house.certificates().values()} >= {OTHER_SUPPLIER, DEVICE})
    store = TrustStore()
    for fact in house.certificates().values():
        store.learn(parse(bytes.fromhex(fact.der)), pinned=fact.pinned)
    for certificate in (*made.values(), *(parse(one.public_bytes(Encoding.DER)) for one in before.values())):
        check_path(certificate, store, house.runtime.clock.now())
    for name in ("live-issuing-oca-EMD1", "live-issuing-oca-EMD2"):
        crl = x509.load_der_x509_crl((await house.client.get(f"/repository/crl/{name}.crl")).content)
        assert crl.issuer.rfc4514_string() == f"CN={name[-4:]},OU=07"


async def test_minted_imported_and_pinned_roots_are_trusted_at_once(
    open_house: Open, vectors: Path, tmp_path: Path, eventually: Eventually
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    content = profiles.root_content(name=authority_name("OTHR", 0), key=key(61).public_key(), serial=1 << 120, start=at)
    root = parse(assemble(content, signer(key(61))(content)))
    content = profiles.issuing_content(
        issuer=root, name=authority_name("OTH1", 7), key=key(62).public_key(), serial=3 << 120, start=at
    )
    issuing = parse(assemble(content, signer(key(61))(content)))
    content = profiles.organisation_content(
        issuer=issuing,
        eui=Eui64.parse(OTHER_SUPPLIER),
        role=2,
        usage=Usage.DIGITAL_SIGNATURE,
        key=key(63).public_key(),
        serial=5 << 120,
        start=at,
        policy=profiles.ORGANISATION_POLICY,
    )
    of_others = parse(assemble(content, signer(key(62))(content)))
    roots = tmp_path / "roots.pem"
    roots.write_text(root.pem + issuing.pem)

    house = await open_house(keystore=vectors / "keystore.json", trusted_roots=roots)
    await house.dcc_services()
    minted = (await one_of_each(house))["organisation"]
    await eventually(lambda: any(one.eui == OTHER_SUPPLIER for one in house.certificates().values()))

    store = TrustStore()
    for fact in house.certificates().values():
        store.learn(parse(bytes.fromhex(fact.der)), pinned=fact.pinned, dated=fact.dated)
    published = keystore.load(vectors / "keystore.json")
    imported = published.certificate(Eui64.parse("90-B3-D5-1F-30-01-00-00"), Usage.DIGITAL_SIGNATURE, 2)
    assert imported
    self_made = published.xml_signer(Eui64.parse("90-B3-D5-1F-30-01-00-00"))
    assert self_made
    for certificate in (parse(minted.public_bytes(Encoding.DER)), imported, self_made[1], of_others):
        assert certificate.kind is Kind.ORGANISATION
        check_path(certificate, store, house.runtime.clock.now())
    assert {one["hierarchy"] for one in await authorities(house)} == {"live", "test", "imported"}
