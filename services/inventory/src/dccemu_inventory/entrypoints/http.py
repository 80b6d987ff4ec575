"""The inventory's own port: the record of Parties and the Registration Data Interface."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from dccemu_runtime.http import app as applications

from ..adapters.views import Views


def create_app(views: Views, unready: Callable[[], list[str]], max_body_bytes: int) -> FastAPI:
    """The application of port 8084."""
    app = applications.create(
        "dccemu: inventory",
        description="The Panel's record of Parties and User IDs, and the Registration Data Interface.",
        unready=unready,
        max_body_bytes=max_body_bytes,
    )

    @app.get(
        "/parties", summary="The published record: Party IDs and the EUI-64s that belong to them", tags=["parties"]
    )
    async def parties() -> list[dict[str, object]]:
        return [
            {"party": party["party"], "name": party["name"], "identifiers": [user["user"] for user in party["users"]]}
            for party in await views.parties()
        ]

    return app
