"""CSRs that are not what they should be: status and code at each interface (smki.md sections 4 and 5)."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr, profiles
from dccemu_protocol.pki.subjects import EMPTY_SUBJECT, organisation_subject

from ..conftest import NIGHT, device_csr, key

if TYPE_CHECKING:
    import httpx

    from ..conftest import Eventually, House

pytestmark = pytest.mark.asyncio
DEVICE, SUPPLIER, OTHER = "00-DB-12-34-56-78-90-A4", "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
KEY = {"apikey": "SUPPLIER1"}
USAGE = profiles.key_usage(Usage.DIGITAL_SIGNATURE)
NAME = profiles.hardware_alternative_name(Eui64.parse(DEVICE))
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def built(
    *extensions: x509.ExtensionType,
    subject: x509.Name = EMPTY_SUBJECT,
    curve: ec.EllipticCurve | None = None,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        request = request.add_extension(extension, critical=True)
    signing = key(5) if curve is None else ec.derive_private_key(5, curve)
    return request.sign(signing, digest or hashes.SHA256()).public_bytes(Encoding.DER)


def flipped(der: bytes) -> bytes:
    """Signed by another key, so to say."""
    return der[:-2] + bytes([der[-2] ^ 1]) + der[-1:]


def organisation(*extensions: x509.ExtensionType) -> bytes:
    return built(*(extensions or (USAGE,)), subject=organisation_subject(Eui64.parse(SUPPLIER), 2))


DEVICE_CSRS = {
    "broken DER": (device_csr(5, DEVICE)[:-1], "CR:AA1", "CSR_UNREADABLE"),
    "octets behind it": (device_csr(5, DEVICE) + b"\0", "CR:AA1", "CSR_UNREADABLE"),
    "nothing of the kind": (b"\x30\x03\x02\x01\x00", "CR:AA1", "CSR_UNREADABLE"),
    "over-long": (b"\x30" * 4097, "CR:AA2", "CSR_TOO_LONG"),
    "wrong curve": (built(USAGE, NAME, curve=ec.SECP384R1()), "CR:AA3", "CSR_KEY"),
    "wrong digest": (built(USAGE, NAME, digest=hashes.SHA384()), "CR:AA4", "CSR_ALGORITHM"),
    "bad self-signature": (flipped(device_csr(5, DEVICE)), "CR:AA5", "CSR_SIGNATURE"),
    "an organisation's": (organisation(), "CR:AA6", "CSR_SUBJECT"),
    "no usage": (built(NAME), "CR:AA7", "CSR_USAGE"),
    "a CA's usage": (built(profiles.key_usage(Usage.CERTIFICATE_SIGNING), NAME), "CR:AA7", "CSR_USAGE"),
    "another extension": (built(USAGE, NAME, SERVER), "CR:AA8", "CSR_EXTENSION"),
    "no Device ID": (built(USAGE), "CR:AA8", "CSR_EXTENSION"),
    "a host's name": (built(USAGE, x509.SubjectAlternativeName([x509.DNSName("a")])), "CR:AA8", "CSR_EXTENSION"),
}
"""By what is wrong: octets, code of the web services, rule that the portal names."""

TEXTS = {
    "no base64": b"no base64",
    "broken lines": base64.encodebytes(device_csr(5, DEVICE)).rstrip(),
    "PEM": b"-----BEGIN CERTIFICATE REQUEST-----",
    "outside of ASCII": b"&#233;",
}
"""Texts that the web services do not take, whatever is in them: CR:AA1."""


async def ad_hoc(house: House, text: bytes, message_id: str = "m1") -> etree._Element:
    house.runtime.clock.advance(timedelta(seconds=5))
    body = (
        f'<DeviceCertificateSigningRequest ID="{message_id}"><Version>1.0</Version><CertificateSigningRequest>'.encode()
        + text
        + b"</CertificateSigningRequest></DeviceCertificateSigningRequest>"
    )
    answer = await house.client.post("/services/1.0/DeviceCSR", params=KEY, content=body)
    assert answer.status_code == 200
    return etree.fromstring(answer.content)


async def test_the_ad_hoc_service_names_what_is_wrong_with_a_csr(house: House) -> None:
    wanted = {what: code for what, (_, code, _) in DEVICE_CSRS.items()} | dict.fromkeys(TEXTS, "CR:AA1")
    texts = {what: base64.b64encode(der) for what, (der, _, _) in DEVICE_CSRS.items()} | TEXTS
    found = {}
    for what, text in texts.items():
        root = await ad_hoc(house, text)
        assert (root.get("ID"), root.findtext("Status")) == ("m1", "CSR_ERROR")
        found[what] = root.findtext("Error/ErrorCode")

    assert found == wanted


async def test_each_item_of_a_batch_has_a_code_of_its_own(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    wanted = {f"i{n}": ("CSR_ERROR", code) for n, (_, code, _) in enumerate(DEVICE_CSRS.values())}
    inner = "".join(
        f'<DeviceCSR ID="i{n}">{base64.b64encode(der).decode()}</DeviceCSR>'
        for n, (der, _, _) in enumerate(DEVICE_CSRS.values())
    )
    body = f'<SubmitCSRBatch ID="b"><Version>1.0</Version>{inner}</SubmitCSRBatch>'.encode()
    await house.client.post("/services/1.0/PortalCSRBatch/SubmitCSRBatch", params=KEY, content=body)

    async def is_completed() -> bool:
        return bool((await house.admin.get("/admin/smki/batches")).json()[0]["status"] == "COMPLETED")

    await eventually(is_completed)
    (row,) = (await house.admin.get("/admin/smki/batches")).json()
    place = "/services/1.0/PortalCSRBatch/CSRBatchResult"
    answer = await house.client.get(place, params={**KEY, "BatchId": row["batch"]})
    root = etree.fromstring(answer.content)
    assert {
        one.get("ID"): (one.findtext("Status"), one.findtext("Error/ErrorCode"))
        for one in root.findall("DeviceCertificate")
    } == wanted


async def test_the_portal_names_the_rule(house: House) -> None:
    async def sent(kind: str, body: bytes) -> tuple[int, str]:
        answer: httpx.Response = await house.client.post(f"/portal/{kind}", params=KEY, content=body)
        return answer.status_code, answer.json()["code"]

    devices = {what: await sent("device-requests", base64.b64encode(der)) for what, (der, _, _) in DEVICE_CSRS.items()}
    organisations = {
        rule: await sent("organisation-requests", base64.b64encode(der))
        for rule, der in {
            "CSR_SUBJECT": device_csr(5, DEVICE),
            "CSR_SIGNATURE": flipped(organisation()),
            "CSR_EXTENSION": organisation(USAGE, SERVER),
            "CSR_USAGE": organisation(profiles.key_usage(Usage.CERTIFICATE_SIGNING)),
            "NOT_ELIGIBLE": csr.build_organisation_csr(key(5), Eui64.parse(OTHER), 2, Usage.KEY_AGREEMENT),
        }.items()
    }
    latin = b"-----BEGIN CERTIFICATE REQUEST-----\n\xe9\n-----END CERTIFICATE REQUEST-----"

    assert devices == {what: (422, rule) for what, (_, _, rule) in DEVICE_CSRS.items()}
    assert organisations == {rule: (422, rule) for rule in organisations}
    assert await sent("device-requests", latin) == await sent("organisation-requests", latin) == (422, "CSR_UNREADABLE")


async def test_a_portal_batch_reports_the_codes(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for n, (der, _, _) in enumerate(DEVICE_CSRS.values()):
            archive.writestr(f"i{n}.csr", base64.b64encode(der))
        archive.writestr("latin.csr", b"-----BEGIN CERTIFICATE REQUEST-----\n\xe9\n-----END CERTIFICATE REQUEST-----")
    sent = await house.client.post("/portal/batches", params={**KEY, "name": "a.zip"}, content=content.getvalue())
    place = f"/portal/batches/{sent.json()['batch']}"

    async def is_completed() -> bool:
        return bool((await house.admin.get("/admin/smki/batches")).json()[0]["status"] == "COMPLETED")

    await eventually(is_completed)
    lines = (await house.client.get(f"{place}/report", params=KEY)).text.splitlines()[1:]
    wanted = ["error," + code for _, code, _ in DEVICE_CSRS.values()] + ["error,CR:AA1"]
    assert [line.split(",", 2)[2] for line in lines] == wanted
