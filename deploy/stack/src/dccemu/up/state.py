"""The document that `dccemu up --state FILE` writes when everything is ready (acceptance.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def write_state(path: Path, urls: Mapping[str, str], extra: Mapping[str, object]) -> None:
    """Write the state document whole or not at all: a reader never sees half of it."""
    document = {**urls, "pid": os.getpid(), **extra}
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
