"""SMKI certificates: names, exact profiles, signing requests, key stores and the path check (smki.md)."""

from . import csr, keystore, profiles, rules
from .assembly import Signer, assemble, signer
from .certificate import SmkiCertificate, issuer_text, parse, parse_pem, parse_pem_bundle
from .keyid import key_identifier, public_point
from .keystore import Entry, Keystore
from .names import (
    ACCEPTED_POLICIES,
    DEVICE_POLICY,
    ORGANISATION_POLICY,
    TEST_POLICY,
    Kind,
    RemotePartyRole,
    Usage,
    canonical_issuer,
    draw_serial,
    parse_serial,
    role_text,
    serial_text,
)
from .path import TrustStore, check_path
from .published import issuing_oca_z1

__all__ = [
    "ACCEPTED_POLICIES",
    "DEVICE_POLICY",
    "ORGANISATION_POLICY",
    "TEST_POLICY",
    "Entry",
    "Keystore",
    "Kind",
    "RemotePartyRole",
    "Signer",
    "SmkiCertificate",
    "TrustStore",
    "Usage",
    "assemble",
    "canonical_issuer",
    "check_path",
    "csr",
    "draw_serial",
    "issuer_text",
    "issuing_oca_z1",
    "key_identifier",
    "keystore",
    "parse",
    "parse_pem",
    "parse_pem_bundle",
    "parse_serial",
    "profiles",
    "public_point",
    "role_text",
    "rules",
    "serial_text",
    "signer",
]
