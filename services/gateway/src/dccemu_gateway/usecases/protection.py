"""The cryptographic protection of a Device's message: what of it the DCC can check (gbcs.md section 4).

A signature is verified with the Device's certificate; a MAC where the broker is the recipient, because only the
recipient has the key (section 4.3).
"""

from __future__ import annotations

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.crypto import shared_secret, verify_mac, verify_signature
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.errors import GbcsError

from .gateway import Gateway


def verify(gateway: Gateway, message: GbcsMessage) -> str:
    """Check what of a message's protection the DCC can check; says what was checked.

    Raises
    ------
    ProtocolError
        When a signature or a MAC fails, or there is neither.
    """
    device = str(message.originator)
    if message.signature:
        keys = gateway.directory.certificates(device, "digitalSignature")
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
    if message.target != gateway.keys.broker:
        return "MAC is for the User to verify"
    last_mac: GbcsError | None = None
    for certificate in gateway.directory.certificates(device, "keyAgreement")[:4]:
        try:
            verify_mac(message, shared_secret(gateway.keys.agreement_key, certificate.public_key))
        except GbcsError as error:
            last_mac = error
        else:
            return "MAC for the broker verified"
    raise last_mac or ProtocolError("GBCS_MAC_INVALID", f"no key agreement certificate of {device}")
