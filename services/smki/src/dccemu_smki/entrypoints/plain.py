"""Refuses text that no table can keep, wherever in a call it stands: one dependency for every JSON route."""

from __future__ import annotations

from fastapi import Request

from dccemu_runtime.http.problem import Problem

_ESCAPED = b"\\u0000"


async def plain_text(request: Request) -> None:
    """Refuse NUL characters in path, query and JSON body.

    Raises
    ------
    Problem
        422.
    """
    values = [*map(str, request.path_params.values()), *request.query_params.keys(), *request.query_params.values()]
    is_json = "json" in request.headers.get("content-type", "")
    if any("\0" in value for value in values) or (is_json and _ESCAPED in await request.body()):
        raise Problem(422, "text must not hold NUL characters", code="INVALID_CALL")
