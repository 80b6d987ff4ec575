"""The demonstration Users: keys and certificates for the scenario's Users, kept where a newcomer finds them.

With minted keys the scenario's Users have none, so the suite asks its own SMKI for a ready certificate set for each of
them, once, and keeps them in ``users/keystore.json`` of the data folder. With imported material the Users' keys are in
the imported file and nothing is made.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dccemu_contracts.scenario import Scenario, ScenarioUser, parse_scenario
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, keystore

from .options import USUAL_ADMIN_PORT, Options

_SET_ROLES = frozenset({2, 3, 8, 127})


@dataclass(frozen=True, slots=True)
class Users:
    """Where the Users' material is, and the Supplier that the banner introduces."""

    keystore: Path
    supplier: Eui64 | None
    tls_folder: Path | None
    sample: str | None


async def prepare(options: Options, admin_url: str) -> Users:
    """Make or find the Users' keys, certificates and TLS connections."""
    scenario = _scenario(options)
    users = [(party.party, user) for party in scenario.parties for user in party.users]
    async with httpx.AsyncClient(base_url=admin_url, timeout=30.0, trust_env=False) as admin:
        if options.keystore is not None:
            path = options.keystore
            store = await asyncio.to_thread(keystore.load, path)
        else:
            path = options.data / "users" / "keystore.json"
            store = await _minted(path, [user for _, user in users], admin)
        tls = options.data / "users" / "tls"
        for party in dict.fromkeys(party for party, _ in users):
            await _connection(tls, party, admin)
    supplier = _supplier([user for _, user in users], store)
    return Users(path, supplier, tls, _sample(options, scenario, supplier, admin_url))


def _scenario(options: Options) -> Scenario:
    if options.scenario is None:
        return Scenario(name="empty")
    return parse_scenario(options.scenario.read_text(encoding="utf-8"))


async def _minted(path: Path, users: list[ScenarioUser], admin: httpx.AsyncClient) -> Keystore:
    if await asyncio.to_thread(path.exists):
        return await asyncio.to_thread(keystore.load, path)
    made = Keystore()
    for user in users:
        if user.remote_party_role not in _SET_ROLES:
            continue
        answer = await admin.post(
            "/admin/smki/certificate-sets", json={"eui": user.user, "role": user.remote_party_role}
        )
        answer.raise_for_status()
        for entry in keystore.load(answer.json()["keystore"].encode()):
            made.add(entry)
    _write_private(path, keystore.save(made))
    return made


async def _connection(folder: Path, party: str, admin: httpx.AsyncClient) -> None:
    """A TLS client key of the Party and its certificate from the gateway's connection authority."""
    key_file = folder / f"{party}.key.pem"
    if await asyncio.to_thread(key_file.exists):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, party)])
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(hosts, critical=False)
        .sign(key, hashes.SHA256())
    )
    answer = await admin.post(
        "/admin/gateway/connections",
        json={"party": party, "csr": request.public_bytes(serialization.Encoding.PEM).decode()},
    )
    answer.raise_for_status()
    issued = answer.json()
    _write_private(folder / f"{party}.pem", issued["certificate"])
    _write_private(folder / "ca.pem", issued["ca"])
    _write_private(
        key_file,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _supplier(users: list[ScenarioUser], store: Keystore) -> Eui64 | None:
    for user in users:
        eui = Eui64.parse(user.user)
        if "IS" in user.statuses and store.xml_signer(eui) is not None:
            return eui
    return None


def _sample(options: Options, scenario: Scenario, supplier: Eui64 | None, admin_url: str) -> str | None:
    """The command to paste: a read of the import registers of the first meter of that Supplier."""
    meters = [
        device
        for device in scenario.devices
        if device.type == "ESME"
        and device.status == "Commissioned"
        and supplier is not None
        and device.credentials.get("supplier") == str(supplier)
    ]
    if not meters:
        return None
    words = [
        _shown(_program()),
        *["duis", "send", "--demo", "--wait"],
        "--as",
        str(supplier),
        "--device",
        meters[0].device,
    ]
    if options.state is not None:
        words += ["--state", _shown(options.state)]
    elif urlsplit(admin_url).port != USUAL_ADMIN_PORT:
        words += ["--admin", admin_url]
    return shlex.join(words)


def _program() -> Path:
    """The command that runs, where it is ``dccemu``; else the one beside the interpreter."""
    ran = Path(sys.argv[0])
    return ran if ran.name == "dccemu" else Path(sys.executable).with_name("dccemu")


def _shown(path: Path) -> str:
    """A path as one would type it: relative where it is below the present folder."""
    text = os.path.relpath(path)
    return str(path.absolute()) if text.startswith("..") else text
