"""What a newcomer sees when the suite is ready: where it listens, as whom to speak, and one command to paste."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from .demonstration import Users
from .options import Options

_NAMES = {
    "duis": "DUIS over HTTP",
    "duis_tls": "DUIS over mutual TLS",
    "smki": "SMKI",
    "inventory": "inventory",
    "cos_party": "CoS Party",
    "sm_wan": "SM WAN",
    "admin": "admin, journal, API pages",
}


def banner(options: Options, urls: Mapping[str, str], users: Users | None, seconds: float) -> str:
    """The text; its line ``ready in N s`` is part of the acceptance contract."""
    lines = ["", "dccemu - an emulator of the DCC User Gateway. TEST ONLY.", ""]
    lines += [f"  {_NAMES[name]:<26} {urls[name]}" for name in _NAMES if name in urls]
    if users is not None and users.supplier is not None:
        lines += ["", f"  a Supplier to speak as     {users.supplier}"]
        lines += [f"  its keys and certificates  {users.keystore}"]
        if users.tls_folder is not None:
            lines += [f"  its TLS certificate        {users.tls_folder}"]
        if users.sample is not None:
            lines += ["", "  Paste this into another shell for a meter's answer:", "", f"    {users.sample}"]
    lines += ["", f"ready in {seconds:.1f} s", ""]
    return "\n".join(lines)


def print_banner(options: Options, urls: Mapping[str, str], users: Users | None, seconds: float) -> None:
    """Print it at once, also into a pipe."""
    sys.stdout.write(banner(options, urls, users, seconds))
    sys.stdout.flush()
