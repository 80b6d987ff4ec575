"""The use cases: one place that knows what each is, read from ``gbcs/data/use_cases.json`` and checked.

An entry names the use case, its message code, message category and payload protocol; those that Service Requests lead
to also have ``services`` (when it is the one to use), who may originate and who signs it, and ``command``: its
ordered parts, whose grammar is told in ``access`` (DLMS), ``components`` (GBZ) and ``structures`` (DER). Adding a
use case is adding an entry. Commands are compiled when first used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal, cast

from . import alerts, credentials, joins, meters, payment, readers, rules, tariff
from .access import DlmsCommand, compile_access
from .components import GbzCommand, compile_components
from .elements import steps
from .model import Signer
from .structures import DerCommand, compile_structure
from .values import CatalogueError, Json, list_argument, object_argument, text_argument

_FAMILIES: Final = (alerts, credentials, joins, meters, payment, readers, tariff)  # they register what they make
Protocol = Literal["DLMS", "GBZ", "ASN.1"]
Command = DlmsCommand | GbzCommand | DerCommand
_VERSION: Final = re.compile(r"[^0-9]*([0-9]{1,4}(?:\.[0-9]{1,4})*)")
_SIGNERS: Final = {None, "user", "broker", "cos"}
_SERVICE_MEMBERS: Final = {
    "srv", "devices", "phases", "role", "other", "from", "until", "has", "lacks", "equals", "any", "none"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """When a Service Request becomes this use case: Device type and kind, GBCS version, what the body holds.

    ``since`` and ``until`` bound the GBCS version, the latter excluded. ``has`` and ``lacks`` are paths, ``equals``,
    ``some`` and ``none`` a path and a text. ``others`` are the types the other Device of a join may have.
    """

    srv: str
    devices: frozenset[str]
    phases: str | None
    role: str | None
    others: frozenset[str] | None
    since: tuple[int, ...] | None
    until: tuple[int, ...] | None
    has: tuple[tuple[str, ...], ...]
    lacks: tuple[tuple[str, ...], ...]
    equals: tuple[tuple[str, ...], str] | None
    some: tuple[str, str] | None
    none: tuple[str, str] | None


@dataclass(frozen=True, slots=True, eq=False)
class UseCase:
    """One GBCS use case.

    ``originators``: the remote party roles that a Device takes it from. ``encrypts``: its Response carries data
    encrypted for the User. ``is_future_dated``: the Command carries the execution time. ``is_dcc_own``: the broker
    sends it in its own right, no User is named in it.
    """

    name: str
    message_code: int
    title: str
    category: str
    protocol: Protocol
    is_critical: bool
    signer: Signer | None
    originators: frozenset[str]
    encrypts: bool
    is_future_dated: bool
    is_dcc_own: bool
    services: tuple[Service, ...]
    when_empty: str
    command_spec: Json


@lru_cache(maxsize=1024)
def version_number(text: str) -> tuple[int, ...]:
    """The leading numbers of ``4.3`` as numbers that compare (``4`` as ``4.0``); none of a text that is no version."""
    found = _VERSION.match(text)
    if found is None:
        return ()
    numbers = tuple(int(part) for part in found[1].split("."))
    return numbers if len(numbers) > 1 else (*numbers, 0)


def _service(spec: Json) -> Service:
    members = object_argument(spec)
    if not set(members) <= _SERVICE_MEMBERS:
        raise CatalogueError(f"unknown members among {sorted(members)}")

    def texts(name: str) -> list[str]:
        return [text_argument(one) for one in list_argument(members.get(name, []))]

    def pair(name: str) -> tuple[str, str] | None:
        if name not in members:
            return None
        path, value = texts(name)
        return path, value

    def optional(name: str) -> str | None:
        return text_argument(members[name]) if name in members else None

    equals = pair("equals")
    since, until = optional("from"), optional("until")
    return Service(
        text_argument(members["srv"]),
        frozenset(texts("devices")),
        optional("phases"),
        optional("role"),
        frozenset(texts("other")) if "other" in members else None,
        None if since is None else version_number(since),
        None if until is None else version_number(until),
        tuple(steps(path) for path in texts("has")),
        tuple(steps(path) for path in texts("lacks")),
        None if equals is None else (steps(equals[0]), equals[1]),
        pair("any"),
        pair("none"),
    )


def _use_case(spec: Json) -> UseCase:
    members = object_argument(spec)
    signer = members.get("signer")
    protocol = text_argument(members["protocol"])
    if signer not in _SIGNERS or protocol not in ("DLMS", "GBZ", "ASN.1"):
        raise CatalogueError(f"{members['name']}: signer {signer!r}, protocol {protocol!r}")
    return UseCase(
        text_argument(members["name"]),
        int(text_argument(members["message_code"]), 16),
        text_argument(members["title"]),
        text_argument(members["category"]),
        cast(Protocol, protocol),
        members.get("critical") is True,
        cast("Signer | None", signer),
        frozenset(text_argument(one) for one in list_argument(members.get("originators", []))),
        members.get("encrypts") is True,
        members.get("future_dated") is True,
        members.get("dcc_own") is True,
        tuple(_service(one) for one in list_argument(members.get("services", []))),
        text_argument(members.get("when_empty", rules.CANNOT_TRANSFORM)),
        members.get("command"),
    )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All use cases by name, the candidates of each Service Request Variant, and what to refuse misfits with."""

    use_cases: Mapping[str, UseCase]
    candidates: Mapping[str, tuple[tuple[UseCase, Service], ...]]
    refusals: Mapping[str, str]
    version_refusals: Mapping[str, str]


@cache
def catalogue() -> Catalogue:
    """The catalogue, read once."""
    path = files("dccemu_protocol.gbcs").joinpath("data", "use_cases.json")
    source = object_argument(cast(Json, json.loads(path.read_text("utf-8"))))
    use_cases: dict[str, UseCase] = {}
    candidates: dict[str, list[tuple[UseCase, Service]]] = {}
    for spec in list_argument(source["use_cases"]):
        use_case = _use_case(spec)
        if use_case.name in use_cases:
            raise CatalogueError(f"{use_case.name} is there twice")
        use_cases[use_case.name] = use_case
        for service in use_case.services:
            candidates.setdefault(service.srv, []).append((use_case, service))
    return Catalogue(
        MappingProxyType(use_cases),
        MappingProxyType({srv: tuple(found) for srv, found in candidates.items()}),
        MappingProxyType({srv: text_argument(rule) for srv, rule in object_argument(source["refusals"]).items()}),
        MappingProxyType(
            {srv: text_argument(rule) for srv, rule in object_argument(source["version_refusals"]).items()}
        ),
    )


@cache
def command_of(use_case: UseCase) -> Command:
    """The compiled Command of a use case."""
    spec = use_case.command_spec
    if spec is None:
        raise CatalogueError(f"{use_case.name} has no Command that a Service Request leads to")
    if use_case.protocol == "DLMS":
        return compile_access(spec, use_case.when_empty)
    if use_case.protocol == "GBZ":
        return compile_components(spec)
    return compile_structure(spec, use_case.message_code)
