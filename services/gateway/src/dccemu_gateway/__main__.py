"""Run the gateway in a process of its own."""

from __future__ import annotations

from dccemu_runtime.service import run

from .bootstrap import NAME, build
from .settings import Settings

if __name__ == "__main__":
    run(NAME, Settings, build)
