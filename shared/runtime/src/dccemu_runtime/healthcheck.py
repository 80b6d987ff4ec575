"""``python -m dccemu_runtime.healthcheck``: exit 0 when the service of this container is ready (compose, images)."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

_SUFFIX = "_ADMIN_PORT"


def port(environment: dict[str, str]) -> int | None:
    """The admin port that the container's environment names, ``DCCEMU_<SERVICE>_ADMIN_PORT``."""
    for name, value in environment.items():
        if name.startswith("DCCEMU_") and name.endswith(_SUFFIX) and value.isdecimal():
            return int(value)
    return None


def is_ready(admin_port: int) -> bool:
    """Whether ``/readyz`` answers 200."""
    connection = HTTPConnection("127.0.0.1", admin_port, timeout=2.5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    found = port(dict(os.environ))
    sys.exit(0 if found is not None and is_ready(found) else 1)
