"""Whatever is changed in a request or in a Pre-Command is found; the figures are assertions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from dccemu_protocol.duis import DuisRequest
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.correlate import DOES_NOT_TRAVEL, Difference, correlate

Mutants = Callable[[DuisRequest], Iterator[tuple[str, DuisRequest]]]
DEFINITIONS = ("/SpecialDay/@index", "/ALCSHCALCSSpecialDay/@index", "SpecialDayDefinition/@identifier")
"""Numbers that name a special day: a wrong one is reported where a schedule refers to the day that is then missing."""
WITHOUT_MEANING = {"ElectricityPriceElement": "a price that is not given is 0, as one element of the template says"}
OCTETS = 40
"""So many of the octets of a Pre-Command are changed, spread over it."""
UNKNOWABLE = {
    "issuerEventId": "when the gateway made the Pre-Command, where one item alone tells it",
    "datum 2": "whether a credit mode meter has two elements",
    "structure": "type of the other Device (ESME), and its certificate (GSME)",
}


def _plain(place: str) -> str:
    return re.sub(r"\[[0-9]+\]", "", place)


def _travels(place: str) -> bool:
    below = _plain(place).split("/", 4)[-1]
    return below not in DOES_NOT_TRAVEL


def _is_named(place: str, difference: Difference) -> bool:
    """The element, one beside it, or the list it is in."""
    parent = _plain(place).rsplit("/", 1)[0]
    element = _plain(difference.element)
    return element.startswith(parent) or parent.startswith(element) or _plain(place).endswith(DEFINITIONS)


def test_every_changed_element_of_a_request_is_found_and_named(
    published: Any, mutants_of_request: Mutants, mutated_stem: str
) -> None:
    request = published.request(mutated_stem)
    pre_command = published.pre_command(mutated_stem, request)
    missed, unnamed, count = [], [], 0
    for place, mutant in mutants_of_request(request):
        count += 1
        difference = correlate(mutant, pre_command).difference
        if difference is None and _travels(place):
            missed.append(place)
        if difference is not None and not _is_named(place, difference):
            unnamed.append((place, str(difference)))

    assert (missed, unnamed) == ([], [])
    assert count or not "".join(request.body.itertext()).strip()


def test_every_element_left_out_of_a_request_is_found(
    published: Any, shorter_requests_of: Mutants, mutated_stem: str
) -> None:
    request = published.request(mutated_stem)
    pre_command = published.pre_command(mutated_stem, request)

    missed = [
        place
        for place, mutant in shorter_requests_of(request)
        if correlate(mutant, pre_command).same and _plain(place).rsplit("/", 1)[1] not in WITHOUT_MEANING
    ]

    assert missed == []


def test_every_changed_value_of_a_pre_command_is_found(
    published: Any, mutants_of_message: Callable[[bytes], Iterator[tuple[str, bytes]]], mutated_stem: str
) -> None:
    request = published.request(mutated_stem)
    pre_command = published.pre_command(mutated_stem, request)
    known = published.known(mutated_stem)
    count = 0
    missed, missed_without_knowledge = [], []
    for what, mutant in mutants_of_message(pre_command):
        count += 1
        if not correlate(request, mutant).same:
            continue
        missed_without_knowledge.append(what.split()[-1] if "component" in what else what)
        if correlate(request, mutant, known).same:
            missed.append(what)

    assert missed == []
    assert set(missed_without_knowledge) <= set(UNKNOWABLE)
    assert len(missed_without_knowledge) <= 1
    assert count > 10


def test_no_octet_of_a_pre_command_can_be_changed_unseen(published: Any, mutated_stem: str) -> None:
    request = published.request(mutated_stem)
    pre_command = published.pre_command(mutated_stem, request)
    known = published.known(mutated_stem)
    missed = []
    for position in range(0, len(pre_command), max(1, len(pre_command) // OCTETS)):
        for bit in (0x01, 0x80):
            octets = bytearray(pre_command)
            octets[position] ^= bit
            if correlate(request, bytes(octets), known).same:
                missed.append((position, bit))

    assert missed == []


def test_transformation_and_correlation_agree_on_changed_requests(
    published: Any, mutants_of_request: Mutants, shorter_requests_of: Mutants, mutated_stem: str
) -> None:
    request = published.request(mutated_stem)
    disagreed = []
    for mutants in (mutants_of_request, shorter_requests_of):
        for place, mutant in mutants(request):
            try:
                pre_command = published.pre_command(mutated_stem, mutant)
            except ProtocolError:
                continue
            difference = correlate(mutant, pre_command).difference
            if difference is not None:
                disagreed.append((place, str(difference)))

    assert disagreed == []
