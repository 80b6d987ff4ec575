"""Settings of the SM WAN: ``DCCEMU_SM_WAN_<NAME>``."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from dccemu_runtime.settings import ServiceSettings, prefix

from .usecases.distribution import Pace


class Settings(ServiceSettings):
    """What the SM WAN can be told besides the common settings."""

    model_config = prefix("sm-wan")

    port: int = Field(default=8086, ge=0, le=65535, description="status of hubs and Devices; 0: a free port")
    simulate_notified: bool = Field(
        default=True, description="a Device that the inventory learns of comes to life on the SM WAN"
    )
    firmware_wan_seconds: float = Field(default=1, ge=0, description="an image's way over the SM WAN to a hub")
    firmware_han_seconds: float = Field(default=1, ge=0, description="an image's way over the HAN to a Device")
    firmware_retry_seconds: float = Field(
        default=3600, gt=0, description="pause before an image is sent again to a hub or Device that is not reachable"
    )
    firmware_attempts: int = Field(default=3, ge=1, description="attempts for each of the two ways of an image")
    whitelist_enforced: bool = Field(
        default=False, description="a Device that its hub's device log does not list cannot be reached"
    )

    def pace(self) -> Pace:
        """How images travel."""
        return Pace(
            wan=timedelta(seconds=self.firmware_wan_seconds),
            han=timedelta(seconds=self.firmware_han_seconds),
            retry=timedelta(seconds=self.firmware_retry_seconds),
            attempts=self.firmware_attempts,
        )
