"""No input makes the service fail: every answer to nonsense is a refusal, never a 5xx (reliability.md, I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..conftest import House

pytestmark = pytest.mark.asyncio
NONSENSE = (
    "%00",
    "-1",
    "99999999999999999999999999",
    "..%2f..%2fetc",
    "%f0%9f%92%a3",
    "a" * 3000,
    "%ff",
    "' OR 1=1 --",
)
PLACES = (
    "/portal/organisation-requests/{}",
    "/portal/organisation-requests/{}/certificate",
    "/portal/batches/{}",
    "/portal/batches/{}/report",
    "/portal/batches/{}/response",
    "/services/1.0/PortalCSRBatch/CSRBatchResult?BatchId={}",
    "/repository/delta/{}.zip",
    "/repository/crl/{}.crl",
    "/repository/arl/{}.arl",
    "/repository/policies/{}",
)
ADMIN = (
    "/admin/smki/certificates/{}",
    "/admin/smki/certificates?eui={}",
    "/admin/smki/certificates?after={}",
    "/admin/smki/certificates?limit={}",
    "/admin/smki/audit?party={}",
    "/admin/smki/officers?party={}",
    "/admin/smki/batches?party={}",
    "/admin/smki/requests?status={}",
)
POSTS = (
    "/admin/smki/organisation-certificates",
    "/admin/smki/device-certificates",
    "/admin/smki/certificate-sets",
    "/admin/smki/subscribers",
    "/admin/smki/officers",
    "/admin/smki/requests/1",
    "/admin/smki/batches/1",
    "/admin/smki/recoveries",
    "/admin/smki/compliance",
    "/admin/smki/authorities",
    "/admin/smki/certificates/AB/revoke",
    "/admin/smki/certificates/AB/status",
)
BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"csr": "\\u0000", "party": "\\u0000", "id": "a\\u0000", "user": "\\u0000"}',
    b'{"csr": "\\ud800", "party": "\\ud800"}',
    b'{"csr": ["' + b"A" * 5000 + b'"], "eui": "x", "role": 99999999999999999999, "party": 7}',
    b'{"eui": "90-B3-D5-1F-30-01-00-00", "role": -1}',
    b'{"way": "acb", "user": "zz"}',
    b'{"party": "' + b"x" * 10_000 + b'"}',
)


async def test_nonsense_in_paths_and_queries_is_refused(house: House) -> None:
    failed = []
    for text in NONSENSE:
        for place in PLACES:
            separator = "&" if "?" in place else "?"
            answer = await house.client.get(place.format(text) + separator + "apikey=SUPPLIER1")
            if answer.status_code >= 500:
                failed.append((place, text[:20], answer.status_code))
        for place in ADMIN:
            answer = await house.admin.get(place.format(text))
            if answer.status_code >= 500:
                failed.append((place, text[:20], answer.status_code))
        answer = await house.client.get(f"/portal/organisation-requests?apikey={text}")
        assert answer.status_code in (401, 422)

    assert failed == []


async def test_nonsense_in_bodies_is_refused(house: House) -> None:
    failed = []
    for place in POSTS:
        for body in BODIES:
            answer = await house.admin.post(place, content=body, headers={"content-type": "application/json"})
            if answer.status_code >= 500:
                failed.append((place, body[:40], answer.status_code))
    for place in ("organisation-requests", "device-requests", "batches", "revocations"):
        for body in (*BODIES, b"\x00\xff" * 500, b"PK\x03\x04" + bytes(100)):
            answer = await house.client.post(
                f"/portal/{place}", params={"apikey": "SUPPLIER1", "name": "a"}, content=body
            )
            if answer.status_code >= 500 or answer.status_code < 400:
                failed.append((place, body[:40], answer.status_code))

    assert failed == []
