"""The cryptographic protection of a Device's message: what of it the DCC can check (gbcs.md section 4).

A signature is verified with the Device's certificate; a MAC where the broker is the recipient, because only the
recipient has the key (section 4.3).
"""

from __future__ import annotations

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.crypto import shared_secret, verify_mac, verify_signature
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.errors import GbcsError

from .freshness import Freshness
from .gateway import Gateway

# Seconds that certificates on their way are waited for: long enough for a start with all that a repository holds.
_PATIENCE = 60.0


class Protection:
    """Checks messages of Devices with the certificates that the repository has told of."""

    def __init__(self, gateway: Gateway, freshness: Freshness) -> None:
        self._gateway = gateway
        self._freshness = freshness

    async def check(self, message: GbcsMessage) -> str:
        """Check what of a message's protection the DCC can check; says what was checked.

        A Device may use a new certificate before this process has heard of it, above all after a start: then what
        has been told by now is waited for.

        Raises
        ------
        ProtocolError
            When a signature or a MAC fails, or there is neither.
        """
        try:
            return self._checked(message)
        except ProtocolError:
            await self._freshness.hear_all(_PATIENCE)
            return self._checked(message)

    def _checked(self, message: GbcsMessage) -> str:
        device = str(message.originator)
        if message.signature:
            keys = self._gateway.directory.certificates(device, "digitalSignature")
            last: GbcsError | None = None
            for certificate in keys[:4]:
                try:
                    verify_signature(message, certificate.public_key)
                except GbcsError as error:
                    last = error
                else:
                    return "signature of the Device verified"
            raise last or ProtocolError("GBCS_SIGNATURE_INVALID", f"no digital signature certificate of {device}")
        if message.mac is None:
            raise ProtocolError("GBCS_MAC_ABSENT", "the message has neither signature nor MAC")
        if message.target != self._gateway.keys.broker:
            return "MAC is for the User to verify"
        last_mac: GbcsError | None = None
        for certificate in self._gateway.directory.certificates(device, "keyAgreement")[:4]:
            try:
                verify_mac(message, shared_secret(self._gateway.keys.agreement_key, certificate.public_key))
            except GbcsError as error:
                last_mac = error
            else:
                return "MAC for the broker verified"
        raise last_mac or ProtocolError("GBCS_MAC_INVALID", f"no key agreement certificate of {device}")
