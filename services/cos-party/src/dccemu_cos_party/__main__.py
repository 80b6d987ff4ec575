"""The CoS Party in a process of its own."""

from __future__ import annotations

from dccemu_runtime.service import run

from .adapters.facts import NAME
from .bootstrap import build
from .settings import Settings


def main() -> None:
    """Run until SIGTERM."""
    run(NAME, Settings, build)


if __name__ == "__main__":
    main()
