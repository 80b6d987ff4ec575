"""Settings of the SM WAN: ``DCCEMU_SM_WAN_<NAME>``."""

from __future__ import annotations

from pydantic import Field

from dccemu_runtime.settings import ServiceSettings, prefix


class Settings(ServiceSettings):
    """What the SM WAN can be told besides the common settings."""

    model_config = prefix("sm-wan")

    port: int = Field(default=8086, ge=0, le=65535, description="status of hubs and Devices; 0: a free port")
    simulate_notified: bool = Field(
        default=True, description="a Device that the inventory learns of comes to life on the SM WAN"
    )
    whitelist_enforced: bool = Field(
        default=False, description="a Device that its hub's device log does not list cannot be reached"
    )
