"""Firmware on its way to Devices: an image in pieces, an order for each Device, and what the SM WAN reports.

Source: service-request-processing.md section 13.6. An image travels once for a request, in pieces under its own key;
the orders name it. Orders and pieces may come in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import ClassVar, Literal

from .envelope import Contract
from .topics import SM_WAN_DISTRIBUTIONS, SM_WAN_FIRMWARE_REPORTS, SM_WAN_IMAGES, Topic

PIECE_OCTETS = 65_536


class FirmwarePiece(Contract):
    """Piece ``number`` of ``total`` (from 0) of an image.

    ``image`` is SHA-256 of the whole file; it differs from the hash of the Manufacturer Image that the Certified
    Products List names, because head and signature count.
    """

    topic: ClassVar[Topic] = SM_WAN_IMAGES

    image: str
    number: int
    total: int
    octets: str

    @property
    def key(self) -> str:
        return self.image


class FirmwareDistribution(Contract):
    """Bring an image to one Device, or to a hub itself (CS05a, CS05b, CS05c).

    ``request_id`` and ``user`` are those of 11.1 or 11.4, absent where the DCC upgrades a hub. ``version`` is the
    firmware version of the request. ``until`` is when whoever ordered it gives up.
    """

    topic: ClassVar[Topic] = SM_WAN_DISTRIBUTIONS

    device: str
    image: str
    version: str
    until: datetime
    request_id: str | None = None
    user: str | None = None

    @property
    def key(self) -> str:
        return self.device


class FirmwareReport(Contract):
    """How far a distribution came, told by the CSP.

    ``delivered``: the image is at the hub of the Device, or not (``success``). ``activated``: a hub runs the image
    that it was sent, or refused it; ``version`` is then the one it runs. ``reason`` says why not.
    """

    topic: ClassVar[Topic] = SM_WAN_FIRMWARE_REPORTS

    device: str
    hub: str
    stage: Literal["delivered", "activated"]
    success: bool
    version: str
    request_id: str | None = None
    user: str | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        return self.device


def pieces(image: bytes, at: datetime, new_id: Callable[[], str]) -> Iterator[FirmwarePiece]:
    """An image in pieces of ``PIECE_OCTETS``."""
    name = image_name(image)
    total = -(-len(image) // PIECE_OCTETS)
    for number in range(total):
        octets = image[number * PIECE_OCTETS : (number + 1) * PIECE_OCTETS]
        yield FirmwarePiece(id=new_id(), at=at, image=name, number=number, total=total, octets=octets.hex())


def image_name(image: bytes) -> str:
    """SHA-256 of a whole image, hexadecimal."""
    return hashlib.sha256(image).hexdigest()
