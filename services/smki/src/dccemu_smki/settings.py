"""Settings of the SMKI: ``DCCEMU_SMKI_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from dccemu_runtime.settings import ServiceSettings, prefix

from .domain.timing import MAX_BATCH, NIGHTLY_CAPACITY


class Settings(ServiceSettings):
    """What the SMKI can be told besides what every service can."""

    model_config = prefix("smki")

    http_port: int = Field(default=8083, ge=0, le=65535, description="port of the repository and SMKI interfaces")
    tls_port: int = Field(
        default=0, ge=0, le=65535, description="port of the same with mutual TLS, once its files are set"
    )
    tls_certificate: Path | None = Field(default=None, description="PEM chain of the port with mutual TLS")
    tls_key: Path | None = Field(default=None, description="PEM key of the port with mutual TLS")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM of the CA of client certificates, whose subject's O names the Party"
    )
    recovery_eui: str = Field(default="90-B3-D5-1F-30-00-00-01", description="the DCC's EUI-64 as Recovery")
    broker_eui: str = Field(default="90-B3-D5-1F-30-00-00-02", description="the DCC's EUI-64 as Access Control Broker")
    cos_eui: str = Field(default="90-B3-D5-1F-30-00-00-04", description="the DCC's EUI-64 as CoS Party")
    wan_provider_eui: str = Field(default="90-B3-D5-1F-30-00-00-07", description="the DCC's EUI-64 as WAN Provider")
    authority_letters: str = Field(
        default="EM", min_length=1, max_length=2, pattern="^[A-Z]+$", description="first letters of the CAs' names"
    )
    test_letters: str = Field(
        default="T", min_length=1, max_length=2, pattern="^[A-Z]+$", description="first letters of the test CAs' names"
    )
    trusted_roots: Path | None = Field(
        default=None, description="a PEM file with CA certificates of others to trust beside one's own"
    )
    key_store: str = Field(default="software", description="software, or the path of a PKCS#11 module")
    key_store_token: str = Field(default="dccemu", description="label of the PKCS#11 token")
    key_store_pin: SecretStr = Field(default=SecretStr(""), description="PIN of the PKCS#11 token")
    key_passphrase: SecretStr = Field(
        default=SecretStr(""), description="seals the software key store; default: a key file in the data folder"
    )
    api_key: str = Field(default="", description="the apikey that repository clients must give; default: any or none")
    open_subscribers: bool = Field(
        default=True,
        description="take every Party on record as Authorised Subscriber with one ARO; off: register first",
    )
    enforce_rates: bool = Field(default=True, description="refuse ad hoc CSRs and polls that come too fast")
    enforce_batch_window: bool = Field(default=True, description="run batches between 20:00 and 08:00 UK time only")
    nightly_capacity: int = Field(
        default=NIGHTLY_CAPACITY, ge=MAX_BATCH, description="CSRs of batches in one night, over all subscribers"
    )
    approve_batches: bool = Field(default=True, description="approve batches at once; off: an administrator does")
    approve_requests: bool = Field(default=False, description="approve organisation CSRs at once")
    acceptance_window: timedelta = Field(
        default=timedelta(0), description="how long a certificate stays Pending for the subscriber to reject it"
    )
    batch_chunk: int = Field(default=2500, ge=1, le=5000, description="items of a batch that are issued together")
    max_batch_bytes: int = Field(default=64 * 1024 * 1024, ge=1024, description="largest batch, XML or ZIP")
