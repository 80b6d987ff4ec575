"""The SM WAN in a process of its own."""

from __future__ import annotations

from dccemu_runtime.service import run

from .bootstrap import NAME, build
from .settings import Settings


def main() -> None:
    """Run until SIGTERM."""
    run(NAME, Settings, build)


if __name__ == "__main__":
    main()
