"""Settings that every service has: from the environment, ``DCCEMU_<SERVICE>_<NAME>``.

A service's ``Settings`` derives from ``ServiceSettings`` with its own prefix::

    class Settings(ServiceSettings):
        model_config = prefix("gateway")
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from .bus import PARTITIONS


def prefix(service: str) -> SettingsConfigDict:
    """The settings configuration of a service (``cos-party`` becomes ``DCCEMU_COS_PARTY_``)."""
    return SettingsConfigDict(env_prefix=f"DCCEMU_{service.replace('-', '_').upper()}_", extra="ignore", frozen=True)


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = Field(default="", description="PostgreSQL, postgresql://user:password@host/database")
    database_schema: str = Field(default="", description="the service's schema and role; default: the service's name")
    bus: str = Field(default="memory", description="memory, or HOST:PORT of a Kafka-protocol broker")
    bus_fetch_max_wait_ms: int = Field(default=500, ge=1, description="how long the broker may hold a fetch")
    bus_partitions: int = Field(default=PARTITIONS, ge=1, description="partitions of each topic made by this service")
    bus_share: str = Field(
        default="group",
        pattern=r"^(group|[1-9][0-9]*/[1-9][0-9]*)$",
        description="how workers of a service share messages: group (they find out), or I/N: worker I of N",
    )
    host: str = Field(default="127.0.0.1", description="the address to listen on")
    admin_port: int = Field(
        default=0, ge=0, le=65535, description="port of /admin, livez, readyz, metrics; 0: a free one"
    )
    data_dir: Path | None = Field(default=None, description="a folder for files; default: none are written")
    keystore: Path | None = Field(default=None, description="existing test material to load (--pki import)")
    scenario: Path | None = Field(default=None, description="the scenario file that seeds the emulator")
    seed: int | None = Field(default=None, description="makes randomness repeatable; default: it is not")
    clock: datetime | None = Field(default=None, description="start with the Clock frozen at this instant")
    state_file: Path | None = Field(default=None, description="write the addresses here when ready")
    log_format: Literal["console", "json"] = Field(default="console", description="form of the log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level logged")
    max_connections: int = Field(default=2000, ge=1, description="connections a listener keeps at once")
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, description="largest request body")
