"""A port that is open before its service has started says so, instead of not knowing its own routes."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from .problem import response


class Starting:
    """Answers 503 below ``prefix`` until the service has started; everything else goes on to ``app``."""

    def __init__(self, app: ASGIApp, is_started: Callable[[], bool], *, name: str, prefix: str = "/admin") -> None:
        self._app = app
        self._is_started = is_started
        self._name = name
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_early = scope["type"] == "http" and scope["path"].startswith(self._prefix) and not self._is_started()
        answer = response(503, f"{self._name} is starting", code="NOT_READY") if is_early else self._app
        await answer(scope, receive, send)
