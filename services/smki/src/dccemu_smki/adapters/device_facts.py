"""Facts of Device Certificates by the ten thousand, as ``certificate_fact`` would give them.

A model for each costs more than its signature's DER, so the common text is written once. A test compares the two.
"""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import TypeAdapter

from ..domain.records import DeviceLot, DeviceMade

_TIME = TypeAdapter(datetime)


class DeviceFacts:
    """The facts of one lot, said at a time."""

    def __init__(self, lot: DeviceLot, at: datetime) -> None:
        self._issuer = lot.issuer
        self._quoted = json.dumps(lot.issuer)[1:-1]
        self._status = lot.status.value
        self._at = _TIME.dump_json(at).decode()

    def fact(self, made: DeviceMade) -> tuple[str, str, bytes]:
        """Id, key and octets."""
        serial = made.serial.hex().upper()
        octets = (
            f'{{"id":"certificate {self._quoted} {serial} {made.version}","at":{self._at},"version":{made.version},'
            f'"serial":"{serial}","issuer":"{self._quoted}","kind":"device","eui":"{made.eui.hex("-").upper()}",'
            f'"usage":"{made.usage}","top_up":false,"status":"{self._status}","ski":"{made.ski.hex()}",'
            f'"der":"{made.der.hex()}","pinned":false,"dated":true}}'
        )
        return f"certificate {self._issuer} {serial} {made.version}", f"{self._issuer}|{serial}", octets.encode()
