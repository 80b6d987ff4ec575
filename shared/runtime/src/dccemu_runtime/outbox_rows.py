"""Rows of the outbox: contracts as what goes on the bus, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from dccemu_contracts.envelope import Contract

from . import tracing
from .bus import Message
from .groupcommit import Row

#: Longer headers carry a trace and are not met again.
_SHORT = 60


def message_of(contract: Contract) -> Message:
    """The bus message of a contract."""
    return Message(contract.topic.name, contract.key, contract.to_bytes(), contract.id, _headers(contract))


def _headers(contract: Contract) -> Mapping[str, str]:
    """The headers: one object for every message of a type while nothing is traced."""
    traced = tracing.headers()
    kind = type(contract).__name__
    return {"type": kind, **traced} if traced else _untraced_headers(kind)


@lru_cache(maxsize=256)
def _untraced_headers(kind: str) -> Mapping[str, str]:
    return MappingProxyType({"type": kind})


def headers_text(contract: Contract) -> str:
    """The headers as JSON: the same text for every message of a type while nothing is traced."""
    traced = tracing.headers()
    kind = type(contract).__name__
    return json.dumps({"type": kind, **traced}) if traced else _untraced(kind)


def headers_of(text: str) -> Mapping[str, str]:
    """The headers of a row: most rows have one of a few texts."""
    return _parsed(text) if len(text) < _SHORT else json.loads(text)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Mapping[str, str]:
    return MappingProxyType(json.loads(text))


@lru_cache(maxsize=256)
def _untraced(kind: str) -> str:
    return json.dumps({"type": kind})


def row_of(contract: Contract) -> Row:
    return (contract.id, contract.topic.name, contract.key, contract.to_bytes(), headers_text(contract))
