"""Transform and decoding of GBCS messages, next to the cryptography that the same message costs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.duis import parse_document, read_request
from dccemu_protocol.gbcs import crypto
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_protocol.gbcs.payload import decode_payload
from dccemu_protocol.gbcs.transform import DeviceView, TransformContext, transform
from dccemu_protocol.identifiers import Eui64

from .xml import REQUEST, median_seconds

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT.parent / "shared" / "vectors"))
LARGE = ("ECS08_2.1_IMMEDIATE_SUCCESS", "ECS01a_1.1.1_IMMEDIATE_TOU_SUCCESS")


@dataclass(frozen=True, slots=True)
class Cost:
    """Median seconds for one use case."""

    name: str
    octets: int
    transform: float
    decode: float


def _context(device: Eui64) -> TransformContext:
    return TransformContext(
        now=datetime(2015, 1, 1, tzinfo=UTC),
        device=DeviceView(device, "ESME", "4.3", "A"),
        broker=Eui64.parse("90-B3-D5-1F-30-00-00-02"),
        user_is_known=True,
        next_role_counter=lambda _: 1,
        cin="1234",
        certificate=lambda *_: None,
        device_type=lambda _: None,
        user_role="Supplier",
        cos_party=Eui64.parse("90-B3-D5-1F-30-00-00-04"),
    )


def documents() -> Mapping[str, bytes]:
    """A small request made here, and the largest templates where the published data are at hand."""
    found = {"ECS17b (4.1.1)": REQUEST}
    for path in sorted((VECTORS / "duis").glob("*_REQUEST_DUIS.XML")):
        stem = path.name.removesuffix("_REQUEST_DUIS.XML")
        if stem in LARGE or stem.startswith("ECS08_2.1"):
            found[stem] = path.read_bytes()
    return found


def measure() -> list[Cost]:
    """Transform (parsed tree given) and decoding (envelope and payload), for each document."""
    costs = []
    for name, document in documents().items():
        request = read_request(parse_document(document))
        context = _context(request.device)
        octets = encode(transform(request, context).message)

        def work(request=request, context=context) -> None:  # type: ignore[no-untyped-def]
            transform(request, context)

        def read(octets=octets) -> None:  # type: ignore[no-untyped-def]
            decode_payload(decode(octets))

        costs.append(Cost(name, len(octets), median_seconds(work, 200), median_seconds(read, 200)))
    return costs


def cryptography_costs() -> dict[str, float]:
    """Median seconds of the key agreement (uncached), and of derivation and MAC with a cached secret."""
    own, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    message = transform(read_request(parse_document(REQUEST)), _context(Eui64.parse("00-DB-12-34-56-78-90-A0"))).message
    secret = own.exchange(ec.ECDH(), other.public_key())
    return {
        "ECDH": median_seconds(lambda: own.exchange(ec.ECDH(), other.public_key()), 200),
        "KDF and GMAC": median_seconds(lambda: crypto.add_mac(message, secret), 200),
    }
