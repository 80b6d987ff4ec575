"""A request with anything changed in it is expressed or refused by a rule; never is there another outcome."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from dccemu.commands import gbcs_inputs as inputs
from dccemu_protocol.catalogue import response_code
from dccemu_protocol.duis.document import Element, parse_document
from dccemu_protocol.duis.request import read_request
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_protocol.gbcs.payload import decode_payload
from dccemu_protocol.gbcs.transform import transform

TEXTS = (
    "", "0", "-1", "99999999999", "x", "1.5", "3000-12-31T00:00:00Z", "65535-01-01Z", "true", "\u00e9", "\u0665",
    "1_000", " 5 ", "00:00:00Z", "Enable", "1e5", "0x10", "NaN", "+7", "9" * 50,
)  # fmt: skip
ROUNDS = 60


def damage(root: Element, chance: random.Random) -> None:
    """Change, remove or repeat something below the body."""
    body = root[1][0]
    element = chance.choice(list(body.iter()))
    parent = element.getparent()
    match chance.randrange(4):
        case 0 if element is not body and parent is not None:
            parent.remove(element)
        case 1 if element is not body and parent is not None:
            parent.append(copy.deepcopy(element))
        case 2 if element.attrib:
            element.set(chance.choice(list(element.attrib)), chance.choice(["0", "9", "x", ""]))
        case _:
            element.text = chance.choice(TEXTS)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_request_is_expressed_or_refused(reference: Any, seed: int) -> None:
    chance = random.Random(seed)
    files = sorted((reference.folder / "duis").glob("*.XML"))
    for _ in range(ROUNDS):
        file = chance.choice(files)
        stem = inputs.stem_of(file)
        root = parse_document(file.read_bytes())
        damage(root, chance)
        refusal: str | None = None
        try:
            request = read_request(root)
            context = inputs.context_of(
                request, stem, inputs.instant("2015-01-01"), "1234", reference.parties, reference.inventory, {}
            )
            made = transform(request, context)
        except ProtocolError as error:
            refusal = error.rule
        if refusal is not None:
            assert response_code(refusal)
            continue
        octets = encode(made.message)
        assert decode(octets) == made.message
        decode_payload(made.message)
