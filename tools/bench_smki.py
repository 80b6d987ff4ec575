"""Figures of the SMKI: issuance of a batch against the cryptography it needs, and search in a large repository.

``issuance`` submits one batch of Device CSRs as the web service does and lets the service work it off; the limit is
ECDSA signing plus DER building without a key, measured in the same run. ``search`` fills the repository with generated
certificates and measures the answer of the front that clients use. Loop and garbage collector are set as in the
service's own process (``dccemu_runtime.service.run``). Run by ``make bench`` or by itself::

    .venv/bin/python tools/bench_smki.py [--csrs N] [--certificates N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.inventory import PartyFact, UserFact
from dccemu_contracts.smki import CertificateRequest
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, assemble, csr, key_identifier, parse, profiles, public_point, signer
from dccemu_protocol.pki.device_form import device_form
from dccemu_protocol.pki.subjects import authority_name
from dccemu_runtime import collector
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Faults
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_runtime.outbox import message_of
from dccemu_runtime.service import Runtime, Service, listen
from dccemu_smki import bootstrap
from dccemu_smki.settings import Settings

NIGHT = datetime(2026, 3, 2, 21, tzinfo=UTC)
DAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUPPLIER = "90-B3-D5-1F-30-01-00-00"


def limit(count: int = 5000) -> dict[str, float]:
    """What one certificate costs at least: an ECDSA signature, and its DER built without a key; in microseconds."""
    key = ec.derive_private_key(77, ec.SECP256R1())
    content = profiles.root_content(name=authority_name("BNCH", None), key=key.public_key(), serial=1 << 120, start=DAY)
    issuer = parse(assemble(content, signer(key)(content)))
    form = device_form(issuer, Usage.DIGITAL_SIGNATURE, DAY)
    point = public_point(key.public_key())
    sign = signer(key, deterministic=False)
    begun, worked = time.perf_counter(), time.process_time()
    for _ in range(count):
        sign(content)
    signing = time.perf_counter() - begun
    signature = sign(content)
    begun = time.perf_counter()
    for number in range(count):
        assemble(form.fill((1 << 120) + number, point, Eui64(number.to_bytes(8, "big"))), signature)
    building = time.perf_counter() - begun
    worked = time.process_time() - worked
    return {
        "sign_us": signing / count * 1e6,
        "build_us": building / count * 1e6,
        "processor_us": worked / count * 1e6,
    }


@asynccontextmanager
async def smki(folder: Path, **options: Any) -> AsyncIterator[tuple[Service, Runtime]]:
    """An SMKI on a durable PostgreSQL of its own, established."""
    collector.begin()
    server = LocalPostgres(folder)
    url = await server.start()
    try:
        entropy = Entropy()
        runtime = Runtime(Clock(DAY), entropy, MemoryBus(), Faults(entropy))
        await runtime.start()
        settings = Settings.model_validate({"database_url": url, "data_dir": folder, "http_port": 0, **options})
        service = await bootstrap.build(settings, runtime)
        await service.start()
        await _establish(service, runtime)
        collector.settle()
        try:
            yield service, runtime
        finally:
            await service.stop()
            await runtime.stop()
    finally:
        await server.stop()


async def _establish(service: Service, runtime: Runtime) -> None:
    broker, cos = Eui64.parse("90-B3-D5-1F-30-00-00-02"), Eui64.parse("90-B3-D5-1F-30-00-00-04")
    wanted = [
        ("gateway", broker, 4, Usage.DIGITAL_SIGNATURE),
        ("gateway", broker, 4, Usage.KEY_AGREEMENT),
        ("cos-party", cos, 5, Usage.DIGITAL_SIGNATURE),
    ]
    for number, (requester, eui, role, usage) in enumerate(wanted, 1):
        der = csr.build_organisation_csr(ec.derive_private_key(number, ec.SECP256R1()), eui, role, usage)
        request = CertificateRequest.model_validate(
            {"id": f"r{number}", "at": DAY, "requester": requester, "kind": "organisation", "csr": der.hex()}
        )
        await runtime.bus.publish([message_of(request)])
    party = PartyFact(
        id="p1",
        at=DAY,
        version=1,
        party="SUPPLIER1",
        name="Supplier",
        users=(UserFact(user=SUPPLIER, roles={"IS": "Active"}),),
    )
    await runtime.bus.publish([message_of(party)])
    async with asyncio.timeout(30):
        while service.unready():  # noqa: ASYNC110 - conditions are plain functions
            await asyncio.sleep(0.05)


def _batch(count: int) -> bytes:
    items = []
    for number in range(count):
        device = Eui64((0x00DB123400000000 + number // 2).to_bytes(8, "big"))
        usage = Usage.KEY_AGREEMENT if number % 2 else Usage.DIGITAL_SIGNATURE
        key = ec.derive_private_key(10_000 + number, ec.SECP256R1())
        made = csr.build_device_csr(key, device, usage)
        items.append(f'<DeviceCSR ID="i{number}">{b64encode(made).decode()}</DeviceCSR>')
    return f'<SubmitCSRBatch ID="b"><Version>1.0</Version>{"".join(items)}</SubmitCSRBatch>'.encode()


async def issuance(count: int = 50_000) -> dict[str, float]:
    """A batch as the night sees it: parsed by day, issued when the window opens."""
    body = await asyncio.to_thread(_batch, count)
    with tempfile.TemporaryDirectory(prefix="dccemu-bench-") as folder:
        async with smki(Path(folder)) as (service, runtime):
            transport = httpx.ASGITransport(service.listeners[0].app)
            async with httpx.AsyncClient(transport=transport, base_url="http://smki", timeout=600) as client:
                before = _memory()
                begun = time.perf_counter()
                path = "/services/1.0/PortalCSRBatch/SubmitCSRBatch"
                answer = await client.post(path, params={"apikey": "SUPPLIER1"}, content=body)
                answer.raise_for_status()
                del body
                await _reached(service, "PAUSED")
                parsing = time.perf_counter() - begun
                floor = limit()
                runtime.clock.set(NIGHT)
                begun, worked = time.perf_counter(), time.process_time()
                await _reached(service, "COMPLETED")
                issuing, worked = time.perf_counter() - begun, time.process_time() - worked
    least = (floor["sign_us"] + floor["build_us"]) * count / 1e6
    least_work = floor["processor_us"] * count / 1e6
    return {
        "csrs": count,
        "parse_and_verify_per_s": round(count / parsing),
        "issue_per_s": round(count / issuing),
        "limit_per_s": round(count / least),
        "ratio_to_limit": round(least / issuing, 3),
        # The first is by the clock and suffers from whatever else the machine does; this one counts processor time.
        "ratio_of_processor_time": round(least_work / worked, 3),
        "ratio_with_parsing": round(least / (issuing + parsing), 3),
        "peak_memory_growth_mib": round((_memory() - before) / 1024),
    }


async def _reached(service: Service, status: str) -> None:
    async with asyncio.timeout(900):
        while await _pool(service).fetchval("SELECT status FROM batches WHERE id = 1") != status:  # noqa: ASYNC110 - another connection writes it
            await asyncio.sleep(0.02)


def _pool(service: Service) -> Any:
    return service.components[1]._database.pool  # type: ignore[attr-defined]


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def search(certificates: int = 1_000_000, requests: int = 2000) -> dict[str, float]:
    """Search by Device over real HTTP with a repository of generated certificates; milliseconds."""
    with tempfile.TemporaryDirectory(prefix="dccemu-bench-") as folder:
        async with smki(Path(folder)) as (service, _runtime):
            pool = _pool(service)
            key = ec.derive_private_key(5, ec.SECP256R1())
            ski, der = key_identifier(public_point(key.public_key())), bytes(420)
            await pool.execute(
                """
                INSERT INTO certificates (issuer, serial, kind, eui, usage, status, ski, der, not_after,
                                          issued_at, hierarchy, version)
                SELECT 'CN=BNCH', decode(lpad(to_hex(n), 32, '0'), 'hex'), 'device',
                       decode(lpad(to_hex((n / 2)::bigint), 16, '0'), 'hex'),
                       CASE WHEN n % 2 = 0 THEN 'digitalSignature' ELSE 'keyAgreement' END, 'I', $2,
                       $3, '9999-12-31', now(), 'live', n
                FROM generate_series(1, $1::bigint) AS n""",
                certificates,
                ski,
                der,
                timeout=900,
            )
            await pool.execute("ANALYZE certificates", timeout=300)
            server = await listen(service.listeners[0])
            taken = []
            async with httpx.AsyncClient(base_url=server.url) as client:
                for number in range(requests + 50):
                    device = Eui64((number * 7919 % (certificates // 2) + 1).to_bytes(8, "big"))
                    body = (
                        "<CertificateSearchRequest><CertificateSubjectAltName>"
                        f"{device}</CertificateSubjectAltName></CertificateSearchRequest>"
                    )
                    begun = time.perf_counter()
                    answer = await client.post("/services/certificatesearch", content=body.encode())
                    taken.append((time.perf_counter() - begun) * 1e3)
                    answer.raise_for_status()
            await server.stop()
    ordered = sorted(taken[50:])
    return {
        "certificates": certificates,
        "search_p50_ms": round(statistics.median(ordered), 2),
        "search_p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
    }


def main() -> None:
    """Print the figures, one JSON object a line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--csrs", type=int, default=50_000)
    options.add_argument("--certificates", type=int, default=1_000_000)
    chosen = options.parse_args()
    if chosen.csrs:
        print(json.dumps(uvloop.run(issuance(chosen.csrs))))
    if chosen.certificates:
        print(json.dumps(uvloop.run(search(chosen.certificates))))


if __name__ == "__main__":
    main()
