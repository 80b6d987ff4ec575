"""Signed files over HTTP: how a route reads one, and how it says what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from dccemu_protocol import catalogue
from dccemu_protocol.anomaly import FileRefused, SignedFile
from dccemu_protocol.errors import EmulatorError, ProtocolError

from .problem import Problem

_ResultT = TypeVar("_ResultT")
_OTHERWISE = 422


async def refusing(call: Awaitable[_ResultT]) -> _ResultT:
    """The result of a use case; what it refuses becomes a problem document with the rule's name."""
    try:
        return await call
    except ProtocolError as error:
        raise _refusal(error) from None


def signed_file(document: dict[str, Any]) -> SignedFile:
    """The file that a JSON body carries.

    Raises
    ------
    Problem
        When it is no such file.
    """
    try:
        return SignedFile.of_json(document)
    except ProtocolError as error:
        raise _refusal(error) from None


def _refusal(error: ProtocolError) -> Problem:
    """A refused file as a problem document, its bad rows in ``faults``."""
    faults = [fault.as_json() for fault in error.faults] if isinstance(error, FileRefused) else []
    more = {"faults": faults} if faults else {}
    return Problem(_status(error.rule), error.detail, code=error.rule, **more)


def _status(rule: str) -> int:
    try:
        return catalogue.rule(rule).http_status or _OTHERWISE
    except EmulatorError:
        return _OTHERWISE
