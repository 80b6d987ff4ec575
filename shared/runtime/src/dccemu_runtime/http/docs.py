"""The page that shows an OpenAPI document offline: one vendored file, no other origin."""

from __future__ import annotations

from importlib import resources

PAGE = resources.files(__package__).joinpath("openapi.html").read_text(encoding="utf-8")
