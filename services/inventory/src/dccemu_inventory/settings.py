"""Settings of the inventory: ``DCCEMU_INVENTORY_<NAME>``."""

from __future__ import annotations

from pydantic import Field

from dccemu_runtime.settings import ServiceSettings, prefix


class Settings(ServiceSettings):
    """What the inventory can be told besides the common settings."""

    model_config = prefix("inventory")

    port: int = Field(default=8084, ge=0, le=65535, description="inventory and registration interfaces; 0: a free one")
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="largest request body; a hub's firmware image in base64 is one"
    )
    registry_entry: str = Field(
        default="90B3D51F3", description="the 36-bit IEEE registry entry from which User IDs and DCC IDs are given out"
    )
    check_digits: bool = Field(
        default=False,
        description="refuse MPxNs with wrong check digits in registration files (the templates have some)",
    )
    feed_max_bytes: int = Field(default=256 * 1024 * 1024, ge=1024, description="largest registration file")
    admin_grace_seconds: float = Field(
        default=0.1, ge=0, description="how long a changing admin call waits for other services to take its facts"
    )
