"""Keys that a Device holds: its own, and those of remote parties in its trust anchor cells (inventory.md section 5).

Private keys and certificates are values of the Device's state; the parsed objects are cached, because shared secrets
are found by the identity of key objects.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec

from ...pki.certificate import parse
from .state import Draft

USAGES = ("digitalSignature", "keyAgreement")


@lru_cache(maxsize=65536)
def private_key(scalar: str) -> ec.EllipticCurvePrivateKey:
    """The key of a private scalar in hexadecimal."""
    return ec.derive_private_key(int(scalar, 16), ec.SECP256R1())


def scalar_of(key: ec.EllipticCurvePrivateKey) -> str:
    """The private scalar in hexadecimal, 64 digits."""
    return f"{key.private_numbers().private_value:064x}"


def own_key(state: Draft, usage: str) -> ec.EllipticCurvePrivateKey:
    """The Device's own private key, or :class:`LookupError`."""
    scalar = state.text(f"key/{usage}")
    if not scalar:
        raise LookupError(f"the Device has no key for {usage}")
    return private_key(scalar)


@lru_cache(maxsize=4096)
def cell_name(role: int, usage: str, cell_usage: int = 0) -> str:
    """Name of a trust anchor cell in the state."""
    return f"cell/{role}/{usage}/{cell_usage}"


def cell_certificate(state: Draft, role: int, usage: str, cell_usage: int = 0) -> bytes | None:
    """The certificate in a trust anchor cell."""
    der = state.look(cell_name(role, usage, cell_usage)).get("der")
    return bytes.fromhex(der) if isinstance(der, str) and der else None


def cell_key(
    state: Draft, role: int, usage: str, certificate: bytes | None = None, cell_usage: int = 0
) -> ec.EllipticCurvePublicKey:
    """The public key of a remote party: of the certificate that came with the Command, else of the cell.

    Raises
    ------
    LookupError
        When the cell is not there or empty.
    """
    if certificate:
        return parse(certificate).public_key
    der = state.look(cell_name(role, usage, cell_usage)).get("der")
    if isinstance(der, str) and der:
        return _certified(der)
    raise LookupError(f"the Device has no certificate of role {role} for {usage}")


@lru_cache(maxsize=65536)
def _certified(der: str) -> ec.EllipticCurvePublicKey:
    """The public key of a certificate in hexadecimal."""
    return parse(bytes.fromhex(der)).public_key
