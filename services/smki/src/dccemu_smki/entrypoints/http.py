"""The application on port 8083: repository, SMKI interfaces and their documentation."""

from __future__ import annotations

from fastapi import FastAPI

from dccemu_runtime.http import app as applications

from ..usecases.context import Smki
from . import portal, repository, web_services


def application(smki: Smki) -> FastAPI:
    """Build the application."""
    app = applications.create(
        "dccemu SMKI",
        description="SMKI repository, web services and portal.",
        max_body_bytes=smki.settings.max_batch_bytes,
    )
    # In front of everything that FastAPI adds: the first route that fits answers.
    app.router.routes[:0] = [*repository.routes(smki), *web_services.routes(smki)]
    app.include_router(portal.router(smki))
    return app
