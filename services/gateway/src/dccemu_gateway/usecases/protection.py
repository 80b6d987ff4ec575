"""The cryptographic protection of a Device's message: what of it the DCC can check (gbcs.md section 4).

A signature is verified with the Device's certificate; a MAC where the broker is the recipient, because only the
recipient has the key (section 4.3).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dccemu_contracts.smki import CertificateFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.crypto import shared_secret, verify_mac, verify_signature
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_runtime.bus import BusUnavailable
from dccemu_runtime.projections import Projection

from .gateway import Gateway

# Seconds that certificates on their way are waited for: long enough for a start with all that a repository holds.
_PATIENCE = 60.0


class Protection:
    """Checks messages of Devices with the certificates that the repository has told of."""

    def __init__(self, gateway: Gateway, certificates: Projection[CertificateFact]) -> None:
        self._gateway = gateway
        self._certificates = certificates

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
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._hear_all()
            return self._checked(message)

    async def _hear_all(self) -> None:
        while True:
            try:
                await self._certificates.up_to_date()
                return
            except BusUnavailable:
                await asyncio.sleep(0.2)

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
