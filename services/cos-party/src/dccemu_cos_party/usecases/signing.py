"""The CoS Party's one key, and the one Command it signs (cos-party.md section 4)."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.duis import DuisRequest
from dccemu_protocol.gbcs.crypto import sign
from dccemu_protocol.gbcs.envelope import encode
from dccemu_protocol.gbcs.transform import change_of_supplier
from dccemu_protocol.identifiers import Eui64


class Signer:
    """Builds and signs change of Supplier Commands; the key never leaves this object."""

    def __init__(self, eui: Eui64, key: ec.EllipticCurvePrivateKey) -> None:
        self.eui = eui
        self._key = key

    def command(self, request: DuisRequest, counter: int, now: datetime) -> bytes:
        """Give the signed Command, without MAC.

        Raises
        ------
        ProtocolError
            When the request cannot be expressed.
        """
        return encode(sign(change_of_supplier(request, self.eui, counter, now), self._key))
