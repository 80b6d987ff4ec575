"""Settings of the gateway: ``DCCEMU_GATEWAY_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from dccemu_runtime.settings import ServiceSettings, prefix

from .domain.policy import Policy


class Settings(ServiceSettings):
    """What the gateway can be told besides what every service can."""

    model_config = prefix("gateway")

    http_port: int = Field(default=8079, ge=0, le=65535, description="DUIS over HTTP; 0: a free port")
    tls_port: int = Field(default=8443, ge=0, le=65535, description="DUIS over mutual TLS; 0: a free port")
    broker_eui: str = Field(
        default="90-B3-D5-1F-30-00-00-02", description="the DCC as Access Control Broker, target of Non-Device requests"
    )
    cos_party_eui: str = Field(
        default="90-B3-D5-1F-30-00-00-04", description="the CoS Party, originator of CS02b for 6.23"
    )
    receive: str = Field(
        default="", description="Receive Response Services that come first: EUI=URL, several separated by commas"
    )
    duis_schema: Path | None = Field(
        default=None, description="an official DUIS schema (XSD) to check Requests against as well as our own"
    )
    precommand_empty_signature: bool = Field(
        default=False, description="append the empty signature (one zero octet) to Pre-Commands"
    )
    compare_pre_command: bool = Field(
        default=True, description="a Signed Pre-Command must be the kept Pre-Command octet for octet"
    )
    non_device_ok_code: Literal["I99", "I0"] = Field(
        default="I99", description="code of a successful Non-Device request without data"
    )
    response_wait_seconds: float = Field(
        default=86_400, gt=0, description="a Device that has not answered a Command by then has failed: E21"
    )
    execution_wait_seconds: float = Field(
        default=86_400, gt=0, description="wait for the execution Alerts of a future dated Command after its date: E30"
    )
    pre_command_life_seconds: float = Field(default=86_400, gt=0, description="life of a Pre-Command")
    past_allowance_seconds: float = Field(default=60, ge=0, description="how far past an ExecutionDateTime may lie")
    furthest_future_days: float = Field(default=30, gt=0, description="how far ahead an ExecutionDateTime may lie")
    cos_ahead_days: float = Field(default=5, ge=0, description="6.23: held until so many days before its date")
    sequence_wait_seconds: float = Field(
        default=600, gt=0, description="a sequenced request waits so long for an unknown predecessor: E40"
    )
    consent: Literal["flag", "refuse"] = Field(
        default="flag", description="an Other User's request without a recorded consent: noted in the journal, or E4"
    )
    quarantine_days: float = Field(
        default=7, gt=0, description="a quarantined request that its User neither releases nor deletes ends then: E54"
    )
    firmware_wait_seconds: float = Field(
        default=604_800, gt=0, description="a firmware distribution that has not ended by then has failed: N18"
    )
    inventory_deadline_seconds: float = Field(
        default=2.5,
        gt=0,
        description="wait for the inventory's answer, real time; then 503, or a Response goes out",
    )
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="largest Request; a firmware image needs 14 million octets"
    )
    max_in_flight: int = Field(default=1024, ge=1, description="requests worked on at once; past it 503")
    retry_first_seconds: float = Field(default=1, gt=0, description="pause before the second delivery attempt")
    retry_last_seconds: float = Field(
        default=300, gt=0, description="longest pause between attempts to deliver a document that its User refuses"
    )
    retry_away_seconds: float = Field(
        default=4, gt=0, description="longest pause between attempts to reach a User that is away or fails"
    )
    deliveries_per_user: int = Field(default=32, ge=1, description="connections to one Receive Response Service")
    delivery_connect_seconds: float = Field(default=5, gt=0, description="time to connect to a User")
    delivery_answer_seconds: float = Field(default=10, gt=0, description="time for a User to take a Response")
    bodies_in_memory: int = Field(default=20_000, ge=0, description="documents of waiting deliveries kept in memory")

    def policy(self) -> Policy:
        """The settings that the checks obey."""
        return Policy(
            dcc=self.broker_eui.upper(),
            past_allowance=timedelta(seconds=self.past_allowance_seconds),
            furthest_future=timedelta(days=self.furthest_future_days),
            pre_command_life=timedelta(seconds=self.pre_command_life_seconds),
            compare_pre_command=self.compare_pre_command,
            refuse_without_consent=self.consent == "refuse",
        )

    def receivers(self) -> dict[str, str]:
        """The Receive Response Services of ``receive``: EUI in upper case to URL."""
        pairs = (item.partition("=") for item in self.receive.split(",") if item.strip())
        return {eui.strip().upper(): url.strip() for eui, _, url in pairs}
