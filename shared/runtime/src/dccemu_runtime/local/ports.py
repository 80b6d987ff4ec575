"""Ports that a process gets back when it is started again.

A port that the system chooses (0) lies in the range from which it also serves outgoing connections. Once the process
that listened there has died, any connection of any process may be given that number, and keep it: the process that is
started again could not listen. A port below that range is nobody's.
"""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
_USUAL = 32_768
_ATTEMPTS = 200


def first_outgoing_port() -> int:
    """Give the lowest port that the system may give to an outgoing connection."""
    try:
        return int(_RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL


def lasting_port(host: str, taken: Collection[int], below: int | None = None) -> int:
    """Find a free port that no outgoing connection will be given; 0 where the system leaves none.

    Parameters
    ----------
    host
        Address to listen on.
    taken
        Ports that were found before and may not be in use yet.
    below
        The first port of outgoing connections; the system's if None.
    """
    end = first_outgoing_port() if below is None else below
    if end <= _LOWEST:
        return 0
    for _ in range(_ATTEMPTS):
        port = random.randrange(_LOWEST, end)
        if port not in taken and _is_free(host, port):
            return port
    return 0


def own_port(host: str) -> int:
    """Find a port for a server that has to be told one: lasting, or where there is none the system's choice."""
    if port := lasting_port(host, ()):
        return port
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True
