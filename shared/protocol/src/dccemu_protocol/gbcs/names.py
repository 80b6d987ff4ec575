"""Names for what GBCS messages hold as numbers: message codes, alerts, DLMS objects, response codes.

The tables are ``data/message_codes.json``, ``alert_codes.json``, ``dlms_names.json`` and ``code_texts.json``, each read
once when it is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class MessageCode:
    """A message code: its title and the use cases that share it (usually one)."""

    code: int
    title: str
    use_cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertCode:
    """An alert code: critical alerts are signed; ``recipients`` are role names."""

    code: int
    name: str
    critical: bool
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InterfaceClass:
    """A DLMS interface class."""

    name: str
    attributes: Mapping[int, str]
    methods: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Access:
    """One attribute or method that a Command always asks for at this place."""

    operation: str
    class_id: int
    obis: str
    member: int


@dataclass(frozen=True, slots=True)
class DlmsNames:
    """Names of DLMS classes, objects (by class and OBIS text), units, results; accesses by message code."""

    classes: Mapping[int, InterfaceClass]
    objects: Mapping[tuple[int, str], str]
    units: Mapping[int, str]
    results: Mapping[int, str]
    accesses: Mapping[int, tuple[Access, ...]]


@dataclass(frozen=True, slots=True)
class CodeTexts:
    """Texts of response codes by message code, credential statuses, replacement modes and integrity causes."""

    responses: Mapping[int, Mapping[int, str]]
    credential_status: Mapping[int, str]
    replacement_modes: Mapping[int, str]
    integrity_causes: Mapping[int, str]


def _load(name: str) -> bytes:
    return files(__package__).joinpath("data", name).read_bytes()


@cache
def message_codes() -> Mapping[int, MessageCode]:
    """All message codes."""
    codes = json.loads(_load("message_codes.json"))["codes"]
    return {
        int(code, 16): MessageCode(int(code, 16), entry["title"], tuple(entry["use_cases"]))
        for code, entry in codes.items()
    }


@cache
def alert_codes() -> Mapping[int, AlertCode]:
    """All alert codes."""
    codes = json.loads(_load("alert_codes.json"))["codes"]
    return {
        int(code, 16): AlertCode(int(code, 16), entry["name"], bool(entry["critical"]), tuple(entry["recipients"]))
        for code, entry in codes.items()
    }


@cache
def dlms_names() -> DlmsNames:
    """The DLMS names."""
    source = json.loads(_load("dlms_names.json"))
    return DlmsNames(
        {
            int(number): InterfaceClass(entry["name"], _numbered(entry["attributes"]), _numbered(entry["methods"]))
            for number, entry in source["classes"].items()
        },
        {(int(number), obis): name for number, objects in source["objects"].items() for obis, name in objects.items()},
        _numbered(source["units"]),
        _numbered(source["results"]),
        {int(code, 16): tuple(_access(text) for text in texts) for code, texts in source["accesses"].items()},
    )


@cache
def code_texts() -> CodeTexts:
    """The texts of codes."""
    source = json.loads(_load("code_texts.json"))
    return CodeTexts(
        {int(code, 16): _numbered(texts) for code, texts in source["responses"].items()},
        _numbered(source["credentialStatus"]),
        _numbered(source["replacementModes"]),
        _numbered(source["integrityCauses"]),
    )


def _numbered(table: Mapping[str, str]) -> Mapping[int, str]:
    return {int(number): text for number, text in table.items()}


def _access(text: str) -> Access:
    operation, class_id, obis, member = text.split()
    return Access(operation, int(class_id), obis, int(member))
