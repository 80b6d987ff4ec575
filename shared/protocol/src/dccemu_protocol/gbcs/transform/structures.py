"""DER Commands: structures, compiled from the use-case data (gbcs.md section 8).

A DER Command is ``[name, argument]``; ``COMMANDS`` holds what each name builds, ``credentials`` and ``joins`` fill it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ...duis.document import Element
from ...errors import ProtocolError
from ...pki.certificate import SmkiCertificate, parse
from .. import der_types as types
from ..der import encode
from ..envelope import CRA
from . import rules
from .elements import binary, place
from .job import Job
from .rules import TransformError
from .values import CatalogueError, Json, list_argument, text_argument

Builder: TypeAlias = Callable[[Job], types.DerValue]
COMMANDS: dict[str, Callable[[Json], Builder]] = {}


@dataclass(frozen=True, slots=True)
class DerCommand:
    """One DER structure."""

    build: Builder
    message_code: int

    def payload(self, job: Job) -> bytes:
        """The structure's octets."""
        return encode(self.build(job), self.message_code, CRA.COMMAND)


def compile_structure(spec: Json, message_code: int) -> DerCommand:
    """Compile a DER Command."""
    name, argument = list_argument(spec)
    if name not in COMMANDS:
        raise CatalogueError(f"there is no DER Command {name!r}")
    return DerCommand(COMMANDS[text_argument(name)](argument), message_code)


def certificate_of(element: Element) -> SmkiCertificate:
    """The certificate that an element holds; anything else is ``BODY_CERTIFICATE``."""
    try:
        return parse(binary(element))
    except TransformError:
        raise
    except ProtocolError as error:
        raise TransformError(rules.BODY_CERTIFICATE, error.detail, place(element)) from None


def execution_of(job: Job) -> datetime | None:
    """Execution time of a DER structure: none for at once, the year 9999 cancels."""
    return types.CANCEL if job.is_cancellation else job.execution
