"""The inventory's own port: the record of Parties and the Registration Data Interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Body, FastAPI
from starlette.responses import PlainTextResponse

from dccemu_runtime.http import app as applications

from ..adapters.views import Views
from ..usecases.feeds import Feeds


def create_app(views: Views, feeds: Feeds, unready: Callable[[], list[str]], max_body_bytes: int) -> FastAPI:
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

    @app.post(
        "/registration-data/{provider}",
        summary="A Registration Data File; answered by its Response File",
        tags=["registration data"],
    )
    async def registration_data(
        provider: str, text: Annotated[str, Body(media_type="text/plain")]
    ) -> PlainTextResponse:
        result = await feeds.take(provider, text)
        return PlainTextResponse(result.response, 200 if result.status == "accepted" else 422)

    return app
