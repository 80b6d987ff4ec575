"""The corpus against the document rules alone: what they refuse never reaches the rules of access."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol import catalogue
from dccemu_protocol.duis import (
    AnsweredRequest,
    check_version,
    parse_document,
    read_request,
    read_request_id,
    validate,
)
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole
from dccemu_protocol.xmldsig import Outlines, verify

LATER = frozenset({"E2", "E11", "E12", "E13", "E19", "E45", "I0", "I99"})
"""Codes that only the rules of access, or the work itself, can give."""


class Signers:
    """Trusts XML signing certificates of the originator only, as check 5 does."""

    def __init__(self, store: Keystore, originator: Eui64) -> None:
        self._store = store
        self._originator = originator

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        found = self._store.by_issuer_serial(issuer, serial)
        fits = found is not None and found.role == RemotePartyRole.XML_SIGNING and found.eui == self._originator
        return found.public_key if found is not None and fits else None


def document_rules(body: bytes, store: Keystore) -> int | str:
    """The HTTP status or response code that the document rules give; ``passed`` when they find nothing wrong."""
    try:
        root = parse_document(body)
        originator = read_request_id(root).originator
        AnsweredRequest.salvage(root)
    except ProtocolError as error:
        return catalogue.http_status(error.rule)
    try:
        validate(root)
        check_version(root)
        read_request(verify(root, Signers(store, originator)).root)
    except ProtocolError as error:
        return catalogue.response_code(error.rule)
    return "passed"


def cases(hostile: ModuleType, store: Keystore, parties: tuple[Eui64, Eui64, Eui64]) -> list[Any]:
    return list(hostile.corpus(hostile.Forge(store, *parties)))


def test_the_document_rules_refuse_what_they_must(
    hostile: ModuleType, fixed_keys: Keystore, parties: tuple[Eui64, Eui64, Eui64]
) -> None:
    wrong = []
    for case in cases(hostile, fixed_keys, parties):
        got = document_rules(case.body, fixed_keys)
        is_later_matter = case.codes is not None and bool(case.codes & LATER)
        if case.statuses != {200}:
            fits = got in case.statuses
        elif is_later_matter:
            fits = got == "passed"
        else:
            fits = case.codes is not None and got in case.codes
        if not fits:
            wrong.append(f"{case.group} {case.name}: {got}, not {case.statuses} {case.codes}")

    assert wrong == []


def test_a_known_outline_gives_no_case_another_verdict(
    hostile: ModuleType, fixed_keys: Keystore, parties: tuple[Eui64, Eui64, Eui64]
) -> None:
    made = cases(hostile, fixed_keys, parties)
    outlines, found = Outlines(), 0
    for case in made:
        if document_rules(case.body, fixed_keys) == "passed":
            root = parse_document(case.body)
            signers = Signers(fixed_keys, read_request_id(root).originator)
            outlines.learn(case.body, verify(root, signers, case.body).root)

    for case in made:
        outlined = outlines.find(case.body)
        if outlined is None:
            continue
        found += 1
        try:
            outlined.verify(Signers(fixed_keys, outlined.request_id.originator))
            outlined.request()
            got = "passed"
        except ProtocolError as error:
            got = catalogue.response_code(error.rule)
        assert got == document_rules(case.body, fixed_keys), case.name
    assert found > 10


def test_no_case_takes_long(hostile: ModuleType, fixed_keys: Keystore, parties: tuple[Eui64, Eui64, Eui64]) -> None:
    slow = []
    for case in cases(hostile, fixed_keys, parties):
        body = case.body
        began = time.process_time()
        document_rules(body, fixed_keys)
        if time.process_time() - began > 1.0:
            slow.append(case.name)

    assert slow == []


def test_the_corpus_is_the_same_octets_every_time(
    hostile: ModuleType, fixed_keys: Keystore, parties: tuple[Eui64, Eui64, Eui64]
) -> None:
    one, other = (cases(hostile, fixed_keys, parties) for _ in range(2))

    assert [case.name for case in one] == [case.name for case in other]
    assert all(a.body == b.body for a, b in zip(one, other, strict=True))


def test_every_group_has_cases_and_names_are_unique(
    hostile: ModuleType, fixed_keys: Keystore, parties: tuple[Eui64, Eui64, Eui64]
) -> None:
    made = cases(hostile, fixed_keys, parties)

    assert {case.group for case in made} == {1, 2, 3, 4, 5, 6, 7, 9}
    assert len({case.name for case in made}) == len(made)
