"""The octets of a POST: what an address comes to, and the head, are made once for many requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit


class Target(NamedTuple):
    """An address, taken apart."""

    scheme: str
    name: str
    port: int
    host: str
    path: str


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """An http or https address, taken apart; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https address")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    host = parts.netloc.rpartition("@")[2] or parts.hostname
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, host, path)


def request(target: Target, body: bytes, content_type: str, headers: Mapping[str, str] | None) -> bytes:
    """The whole request; ValueError where the address or a header holds a line break."""
    head = _head(target, content_type, () if headers is None else tuple(headers.items()))
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)


@lru_cache(maxsize=1024)
def _head(target: Target, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The head of a request but for its length."""
    lines = [f"POST {target.path} HTTP/1.1", f"host: {target.host}", f"content-type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if " " in target.path or any("\r" in line or "\n" in line for line in lines):
        raise ValueError("an address or header holds a space or a line break")
    return "\r\n".join([*lines, ""]).encode("latin-1")
