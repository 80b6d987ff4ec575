"""OpenSSL, an implementation of its own, accepts what the profiles make: chain, CRL and ARL."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dccemu_protocol.pki import SmkiCertificate, assemble
from dccemu_protocol.pki.revocation import Revocation, list_content, read_list

if TYPE_CHECKING:
    from .conftest import Hierarchy

AT = datetime(2026, 6, 1, tzinfo=UTC)
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


def openssl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def files(tmp_path: Path, hierarchy: Hierarchy) -> Path:
    def pem(name: str, *certificates: SmkiCertificate) -> None:
        (tmp_path / name).write_text("".join(certificate.pem for certificate in certificates))

    def lists(name: str, revoked: list[int]) -> None:
        text = ""
        for issuer, sign, entries in (
            (hierarchy.issuing, hierarchy.issuing_signer, revoked),
            (hierarchy.root, hierarchy.root_signer, []),
        ):
            content = list_content(
                issuer=issuer,
                number=5,
                this_update=AT,
                next_update=AT + timedelta(hours=48),
                entries=[Revocation(serial, AT, "keyCompromise") for serial in entries],
            )
            der = assemble(content, sign(content))
            assert read_list(der, issuer).number == 5
            text += x509.load_der_x509_crl(der).public_bytes(Encoding.PEM).decode()
        (tmp_path / name).write_text(text)

    leaf = hierarchy.organisation()
    pem("root.pem", hierarchy.root)
    pem("issuing.pem", hierarchy.issuing)
    pem("leaf.pem", leaf)
    lists("good.crl", [])
    lists("bad.crl", [leaf.serial])
    return tmp_path


def verify(files: Path, crl: str) -> subprocess.CompletedProcess[str]:
    return openssl(
        "verify",
        "-x509_strict",
        "-crl_check_all",
        "-policy_check",
        "-attime",
        str(int(AT.timestamp()) + 60),
        "-CAfile",
        str(files / "root.pem"),
        "-untrusted",
        str(files / "issuing.pem"),
        "-CRLfile",
        str(files / crl),
        str(files / "leaf.pem"),
    )


def test_openssl_accepts_chain_crl_and_arl(files: Path) -> None:
    done = verify(files, "good.crl")

    assert done.returncode == 0, done.stderr + done.stdout


def test_openssl_refuses_a_revoked_certificate(files: Path) -> None:
    done = verify(files, "bad.crl")

    assert done.returncode != 0
    assert "revoked" in done.stderr + done.stdout
