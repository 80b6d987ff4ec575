"""The commands of the SMKI's page run as they are written, with OpenSSL and curl alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage, parse_pem
from dccemu_sdk.session import Dcc, running

PAGE = Path(__file__).resolve().parents[2] / "docs/smki.md"
DEVICE = "00-DB-12-34-56-78-90-A4"
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
MISSING = [name for name in ("openssl", "curl", "bash") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def dcc() -> Iterator[Dcc]:
    with running() as suite:
        yield suite


def block(marker: str) -> str:
    """The shell block of the page that has this line in it."""
    blocks = [part.partition("```")[0] for part in PAGE.read_text(encoding="utf-8").split("```sh\n")[1:]]
    (found,) = [one for one in blocks if marker in one]
    return found


def run(dcc: Dcc, folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run in a folder, with this environment's ``dccemu`` and this suite's addresses."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-euc", script.replace("http://127.0.0.1:8083", dcc.state.smki.rstrip("/"))],
        cwd=folder,
        env={**os.environ, "PATH": path, "DCCEMU_ADMIN": dcc.state.admin},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_devices_csr_made_by_openssl_is_issued_on(dcc: Dcc, tmp_path: Path) -> None:
    made = run(dcc, tmp_path, block("openssl req -new") + "dccemu pki issue --csr device.csr --out issued\n")

    assert made.returncode == 0, made.stderr
    (issued,) = (parse_pem(path.read_text()) for path in tmp_path.glob("issued/**/*.pem"))
    assert (issued.kind, str(issued.eui), issued.usage) == (Kind.DEVICE, DEVICE, Usage.DIGITAL_SIGNATURE)
    shown = run(dcc, tmp_path, "openssl pkey -in device.key -pubout -outform DER | tail -c 65 | od -An -v -tx1")
    assert bytes.fromhex("".join(shown.stdout.split())) == issued.point


def test_openssl_accepts_chain_crl_and_arl_until_the_revocation(dcc: Dcc, tmp_path: Path) -> None:
    signing = dcc.store.certificate(Eui64.parse(SUPPLIER), Usage.DIGITAL_SIGNATURE, 2)
    assert signing is not None
    pem = tmp_path / "certificate.pem"
    shown = run(dcc, tmp_path, f"dccemu pki show {signing.serial_hex} --pem")
    pem.write_text(shown.stdout[shown.stdout.index("-----BEGIN") :])

    accepted = run(dcc, tmp_path, block("openssl verify"))
    revoke = f"dccemu pki revoke {signing.serial_hex} --grounds key-compromised\n"
    refused = run(dcc, tmp_path, revoke + block("openssl verify"))

    assert accepted.returncode == 0, accepted.stderr
    assert "certificate.pem: OK" in accepted.stdout
    assert refused.returncode != 0
    assert "certificate revoked" in refused.stderr


def test_a_set_comes_as_pkcs12_that_openssl_opens(dcc: Dcc, tmp_path: Path) -> None:
    (line,) = [one for one in block("--format pkcs12").splitlines() if "--format pkcs12" in one]

    made = run(dcc, tmp_path, line)
    files = sorted(tmp_path.glob("p12/**/*.p12"))
    opened = [run(dcc, tmp_path, f"openssl pkcs12 -in {one} -passin pass:secret -nodes") for one in files]

    assert made.returncode == 0, made.stderr
    assert len(files) >= 3
    for one in opened:
        assert one.returncode == 0, one.stderr
        assert "BEGIN CERTIFICATE" in one.stdout
        assert "BEGIN PRIVATE KEY" in one.stdout


def test_certificates_are_listed_shown_and_exported(dcc: Dcc, tmp_path: Path) -> None:
    rows = run(dcc, tmp_path, f"dccemu pki list --eui {SUPPLIER} --json").stdout.splitlines()
    serials = {str(json.loads(row)["serial"]) for row in rows}
    serial = min(serials)

    shown = json.loads(run(dcc, tmp_path, f"dccemu pki show {serial}").stdout)
    line = f"dccemu pki export --eui {SUPPLIER} --out "
    exported = run(dcc, tmp_path, f"{line} pem && {line} cer --der")

    assert exported.returncode == 0, exported.stderr
    certificates = [parse_pem(path.read_text()) for path in tmp_path.glob("pem/*.pem")]
    assert {one.serial_hex for one in certificates} == serials
    assert {path.read_bytes() for path in tmp_path.glob("cer/*.cer")} == {one.der for one in certificates}
    assert [dcc.repository.certificate(one.serial) for one in certificates] == certificates
    assert parse_pem(shown["pem"]).serial_hex == shown["serial"] == serial


def test_answers_of_the_repository_are_timed(dcc: Dcc) -> None:
    def answered() -> float:
        lines = httpx.get(f"{dcc.state.admin}/metrics", trust_env=False).text.splitlines()
        counts = [one for one in lines if one.startswith('dccemu_smki_repository_seconds_count{call="search"}')]
        return sum(float(one.rpartition(" ")[2]) for one in counts)

    before = answered()
    dcc.repository.certificates(Eui64.parse(SUPPLIER), Usage.KEY_AGREEMENT, is_device=False)

    assert answered() > before
