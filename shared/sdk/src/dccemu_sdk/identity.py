"""The keys of one User: one for XML, one for GBCS."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.gbcs.crypto import encode_signed
from dccemu_protocol.gbcs.envelope import decode
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, Usage, keystore
from dccemu_protocol.xmldsig import XMLSigner

from .errors import KeyMissing

_GBCS_ROLES = (
    RemotePartyRole.SUPPLIER,
    RemotePartyRole.NETWORK_OPERATOR,
    RemotePartyRole.LOAD_CONTROLLER,
    RemotePartyRole.OTHER,
)


def open_keystore(path: Path) -> Keystore:
    """Read a key store file."""
    return keystore.load(path)


class Identity:
    """A User ID with its private keys (duis.md section 7, "Which certificate").

    Parameters
    ----------
    store
        Key store that holds the User's keys.
    eui
        The User ID.
    """

    def __init__(self, store: Keystore, eui: Eui64) -> None:
        self.eui = eui
        self._store = store
        self._signer: XMLSigner | None = None
        self._gbcs_key: ec.EllipticCurvePrivateKey | None = None

    @property
    def signer(self) -> XMLSigner:
        """Signs DUIS documents; role 135 for a User, 137 for the DCC.

        Raises
        ------
        KeyMissing
            When the key store has no such key.
        """
        if self._signer is None:
            found = self._store.xml_signer(self.eui)
            if found is None:
                raise KeyMissing(f"the key store has no XML signing key of {self.eui}")
            key, certificate = found
            self._signer = XMLSigner(key, certificate.issuer, certificate.serial)
        return self._signer

    @property
    def gbcs_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs GBCS content in the User's remote party role.

        Raises
        ------
        KeyMissing
            When the key store has no such key.
        """
        if self._gbcs_key is not None:
            return self._gbcs_key
        for role in _GBCS_ROLES:
            key = self._store.private_key(self.eui, Usage.DIGITAL_SIGNATURE, role)
            if key is not None:
                self._gbcs_key = key
                return key
        raise KeyMissing(f"the key store has no digital signing key of {self.eui} in a remote party role")

    def sign_document(self, document: bytes) -> bytes:
        """Sign a DUIS document."""
        return self.signer.sign(document)

    def sign_canonical(self, document: bytes) -> bytes:
        """Sign a document that is the canonical form of itself, without declaration and without Signature."""
        return self.signer.sign_canonical(document)

    def sign_pre_command(self, payload: bytes) -> bytes:
        """Sign the GBCS content of a Pre-Command: 64 octets in the grouping header (section 8, step 5)."""
        return encode_signed(decode(payload), self.gbcs_key)
