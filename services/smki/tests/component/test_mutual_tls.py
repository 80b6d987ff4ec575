"""Subscribers' systems over mutual TLS are known by the organisation of their certificate (smki.md section 5.2)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from dccemu_runtime.service import listen

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Eventually, Open

pytestmark = pytest.mark.asyncio


async def test_the_client_certificate_names_the_subscriber(
    open_house: Open, tmp_path: Path, eventually: Eventually
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = authority.issue_cert("localhost")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    house = await open_house(
        tls_certificate=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem", tls_client_ca=tmp_path / "ca.pem"
    )
    await house.dcc_services()
    await house.party("SUPPLIER1", {"90-B3-D5-1F-30-01-00-00": ["IS"]})
    await eventually(lambda: not house.service.unready())
    listening = await listen(house.service.listeners[1])
    url = f"https://localhost:{listening.port}"

    def trusting(organisation: str | None) -> httpx.AsyncClient:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if organisation is not None:
            authority.issue_cert("client.test", organization_name=organisation).configure_cert(context)
        return httpx.AsyncClient(base_url=url, verify=context, trust_env=False)

    async def statuses(organisation: str) -> int:
        async with trusting(organisation) as client:
            return (await client.get("/portal/organisation-requests")).status_code

    async def is_known() -> bool:
        return await statuses("SUPPLIER1") == 200

    await eventually(is_known)
    assert await statuses("NOBODY1") == 401
    with pytest.raises(httpx.HTTPError):
        async with trusting(None) as client:
            await client.get("/portal/organisation-requests")
    await listening.stop()
