"""Organisation CRL and OCA ARL: what is on them, and when they come (smki.md section 7)."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr

from ..conftest import SUPPLIER, key

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Eventually, House

pytestmark = pytest.mark.asyncio
OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
CRL, ARL = "/repository/crl/organisation.crl", "/repository/arl/oca.arl"
REASONS = {
    "key-compromised": x509.ReasonFlags.key_compromise,
    "ca-compromised": x509.ReasonFlags.ca_compromise,
    "no-longer-eligible": x509.ReasonFlags.affiliation_changed,
    "information-wrong": x509.ReasonFlags.superseded,
    "rejected-by-subscriber": x509.ReasonFlags.superseded,
    "no-longer-needed": x509.ReasonFlags.cessation_of_operation,
    "policy-breach": None,
}
"""None: no reason is given (RFC 5280, 5.3.1)."""


async def the(house: House, place: str) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((await house.client.get(place)).content)


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def authority(house: House, duty: str) -> dict[str, Any]:
    listed = (await house.admin.get("/admin/smki/authorities")).json()
    found: dict[str, Any] = next(one for one in listed if (one["duty"], one["hierarchy"]) == (duty, "live"))
    return found


def is_signed_by(found: x509.CertificateRevocationList, issuer: dict[str, Any]) -> bool:
    certificate = x509.load_pem_x509_certificate(issuer["pem"].encode())
    aki = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert aki is not None
    assert aki.hex().upper() == issuer["ski"]
    return found.is_signature_valid(certificate.public_key())  # type: ignore[arg-type]


async def issued(house: House, place: int) -> dict[str, Any]:
    made = csr.build_organisation_csr(key(place), Eui64.parse(SUPPLIER), 2, Usage.DIGITAL_SIGNATURE)
    answer = await house.admin.post("/admin/smki/organisation-certificates", json={"csr": made.hex()})
    shown: dict[str, Any] = answer.json()["certificates"][0]
    return shown


async def revoke(house: House, serial: str, grounds: str) -> None:
    answer = await house.admin.post(f"/admin/smki/certificates/{serial}/revoke", json={"grounds": grounds})
    assert answer.json()["status"] == "R"


async def test_each_ground_is_on_the_crl_until_its_certificate_ran_out(house: House, eventually: Eventually) -> None:
    serials = {grounds: (await issued(house, place))["serial"] for place, grounds in enumerate(REASONS, 51)}
    before = await the(house, CRL)
    for grounds, serial in serials.items():
        await revoke(house, serial, grounds)
    crl = await the(house, CRL)

    assert is_signed_by(crl, await authority(house, "issuing-oca"))
    assert number(crl) == number(before) + len(serials)
    found = {}
    for grounds, serial in serials.items():
        entry = crl.get_revoked_certificate_by_serial_number(int(serial, 16))
        assert entry is not None
        assert entry.revocation_date_utc == house.runtime.clock.now().replace(microsecond=0)
        reasons = [one.value.reason for one in entry.extensions if isinstance(one.value, x509.CRLReason)]
        found[grounds] = reasons[0] if reasons else None
    assert found == REASONS
    house.runtime.clock.advance(timedelta(days=3653))

    async def is_empty() -> bool:
        return len(await the(house, CRL)) == 0

    await eventually(is_empty)


@pytest.mark.checklist("B6")
async def test_lists_come_at_their_times_on_the_clock(house: House, eventually: Eventually) -> None:
    async def crl() -> x509.CertificateRevocationList:
        return await the(house, CRL)

    first = await crl()
    house.runtime.clock.advance(timedelta(hours=12))

    async def is_new() -> bool:
        return (await crl()).last_update_utc > first.last_update_utc

    await eventually(is_new)
    second = await crl()
    assert second.last_update_utc == house.runtime.clock.now()
    assert second.next_update_utc == house.runtime.clock.now() + timedelta(hours=48)


@pytest.mark.checklist("B6")
async def test_the_arl_comes_each_year_and_at_once_for_an_issuing_ca(house: House, eventually: Eventually) -> None:
    first, now = await the(house, ARL), house.runtime.clock.now()
    await house.admin.post("/admin/smki/authorities", json={"duty": "issuing-oca"})
    old = await authority(house, "issuing-oca")
    await revoke(house, old["serial"], "ca-compromised")
    at_once = await the(house, ARL)
    house.runtime.clock.advance(timedelta(days=365))

    async def is_new() -> bool:
        return number(await the(house, ARL)) == number(at_once) + 1

    await eventually(is_new)
    assert first.next_update_utc == now.replace(microsecond=0) + timedelta(days=365)
    assert [len(one) for one in (first, at_once, await the(house, ARL))] == [0, 1, 1]
    assert number(at_once) == number(first) + 1
    assert is_signed_by(at_once, await authority(house, "root-oca"))


@OPENSSL
@pytest.mark.checklist("B1", "B6")
async def test_openssl_accepts_chain_crl_and_arl_and_refuses_what_is_revoked(house: House, tmp_path: Path) -> None:
    issuing = await authority(house, "issuing-oca")
    (tmp_path / "root.pem").write_text((await authority(house, "root-oca"))["pem"])
    (tmp_path / "issuing.pem").write_text(issuing["pem"])
    leaves = [await issued(house, place) for place in (61, 62)]

    async def verified(leaf: dict[str, Any]) -> str:
        """What OpenSSL says of a certificate and the lists of now: nothing when it accepts all of them."""
        lists = [(await the(house, place)).public_bytes(Encoding.PEM) for place in (CRL, ARL)]
        (tmp_path / "lists.pem").write_bytes(b"".join(lists))
        (tmp_path / "leaf.pem").write_text(leaf["pem"])
        words = ["-x509_strict", "-crl_check_all", "-attime", str(int(house.runtime.clock.now().timestamp()) + 5)]
        words += ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "lists.pem", "leaf.pem"]
        done = subprocess.run(  # noqa: ASYNC221 - a test may wait for its oracle
            ["openssl", "verify", *words], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stderr if done.returncode else ""

    good = [await verified(leaf) for leaf in leaves]
    await revoke(house, leaves[0]["serial"], "key-compromised")
    after = [await verified(leaf) for leaf in leaves]
    await revoke(house, issuing["serial"], "ca-compromised")
    of_the_ca = await verified(leaves[1])

    assert good == ["", ""]
    assert "error 23 at 0 depth lookup: certificate revoked" in after[0]
    assert after[1] == ""
    assert "error 23 at 1 depth lookup: certificate revoked" in of_the_ca
