"""Mutual TLS: the client certificate's Party must own the RequestID's originator (duis.md section 1)."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

READ = "<sr:ReadInstantaneousImportRegisters/>"


async def connect(world, party: str, folder: Path) -> tuple[httpx.AsyncClient, str]:
    """A client certificate by the admin port, and a client that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "whatever it says")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    app = FastAPI()
    app.include_router(world.service.admin)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as admin:
        issued = await admin.post(
            "/admin/gateway/connections",
            json={"party": party, "csr": request.public_bytes(serialization.Encoding.PEM).decode()},
        )
    assert issued.status_code == 201
    answer = issued.json()
    chain = folder / f"{party}.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + answer["certificate"].encode()
    )
    context = ssl.create_default_context(cadata=answer["ca"])
    context.load_cert_chain(chain)
    serial = f"{x509.load_pem_x509_certificate(answer['certificate'].encode()).serial_number:X}"
    return httpx.AsyncClient(verify=context, timeout=10), serial


async def post(world, client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(
        f"{world.urls['duis_tls']}/api/v1/serviceS",
        content=world.signed(world.request("4.1.1", READ)),
        headers={"content-type": "application/xml"},
    )


@pytest.mark.asyncio
async def test_a_party_may_send_for_its_own_users_only(world, tmp_path) -> None:
    own, _ = await connect(world, "SUPP", tmp_path)
    rival, _ = await connect(world, "RIVA", tmp_path)
    async with own, rival:
        good, bad = await post(world, own), await post(world, rival)
        url, user = f"{world.urls['duis_tls']}/tad/v1/references", {"user": "90-B3-D5-1F-30-01-00-00"}
        files = [(await client.post(url, json=user)).status_code for client in (own, rival)]

    assert world.read(good.content).response_code == "I99"
    assert bad.status_code == 403
    assert "PEER_OF_ANOTHER_PARTY" in bad.text
    assert files == [201, 403]


@pytest.mark.asyncio
async def test_without_a_client_certificate_there_is_no_connection(world) -> None:
    context = ssl.create_default_context(cadata=world.gateway_authority())
    async with httpx.AsyncClient(verify=context, timeout=10) as client:
        with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
            await post(world, client)


@pytest.mark.asyncio
async def test_a_certificate_that_was_withdrawn_is_refused(world, tmp_path) -> None:
    client, serial = await connect(world, "SUPP", tmp_path)
    app = FastAPI()
    app.include_router(world.service.admin)
    async with client, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as admin:
        assert world.read((await post(world, client)).content).response_code == "I99"
        assert (await admin.delete(f"/admin/gateway/connections/{serial}")).status_code == 204
        assert (await post(world, client)).status_code == 401
