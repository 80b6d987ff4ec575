"""Settings of the CoS Party: ``DCCEMU_COS_PARTY_<NAME>``."""

from __future__ import annotations

from pydantic import Field

from dccemu_runtime.settings import ServiceSettings, prefix


class Settings(ServiceSettings):
    """What the CoS Party can be told besides the common settings."""

    model_config = prefix("cos-party")

    port: int = Field(default=8085, ge=0, le=65535, description="the Non-Gateway Interface; 0: a free one")
    eui: str = Field(default="90-B3-D5-1F-30-00-00-04", description="the CoS Party's EUI-64")
    hold_days: int = Field(
        default=5, ge=0, description="a request is held until so many days before its date, then the Device holds it"
    )
    threshold: int = Field(default=100_000, ge=0, description="6.23 in the window over all Users before quarantine")
    user_threshold: int = Field(default=10_000, ge=0, description="6.23 in the window of a User that set none itself")
    window_seconds: int = Field(default=86_400, ge=1, description="rolling window of the thresholds")
    ngi_threshold: int = Field(default=100, ge=0, description="threshold of a Non-Gateway Supplier that gave none")
    evidence_patience: float = Field(
        default=1.0, ge=0, description="seconds to wait for facts on their way before a request is refused"
    )
    enforce_dates: bool = Field(default=False, description="judge the dates of published test certificates as well")
