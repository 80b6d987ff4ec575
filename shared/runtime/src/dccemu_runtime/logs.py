"""Logging: structlog to standard error, lines for people or JSON; what is bound to the context is on every line."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Literal

import structlog
from structlog.typing import Processor

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _StandardError:
    """Standard error as it is at each line; one that is gone takes no line, and fails nobody who writes it."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, AttributeError):
            return sys.stderr.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()


def configure(form: Literal["console", "json"] = "console", level: str = "info", **bound: str) -> None:
    """Set up logging for the process; ``bound`` (``service="gateway"``) is on every line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Processor]
    if form == "json":
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # A plain traceback: the rich one prints local variables, and those may be private keys.
        renderer = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(_StandardError()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        stream=_StandardError(), level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    # aiokafka reports each retry of a connection as an error; the bus adapter says what matters.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.contextvars.clear_contextvars()
    if bound:
        structlog.contextvars.bind_contextvars(**bound)


def bind(**values: str) -> None:
    """Put values (``request_id=...``) on every line of the current task."""
    structlog.contextvars.bind_contextvars(**values)
