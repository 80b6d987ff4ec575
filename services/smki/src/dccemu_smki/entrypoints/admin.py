"""``/admin/smki``: what an operator of the emulator may do without the procedures of the real thing."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from ..usecases.context import Smki
from . import admin_certificates, admin_recovery, admin_registration
from .plain import plain_text


def router(smki: Smki) -> APIRouter:
    """All admin routes of the service."""
    made = APIRouter(prefix="/admin/smki", tags=["smki"], dependencies=[Depends(plain_text)])
    made.include_router(admin_certificates.router(smki))
    made.include_router(admin_registration.router(smki))
    made.include_router(admin_recovery.router(smki))
    return made
