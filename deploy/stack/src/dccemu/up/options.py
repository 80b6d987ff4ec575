"""What `dccemu up` was asked for, and how it is told to each service.

Each service has typed settings of its own (``DCCEMU_<SERVICE>_<NAME>``). This module turns the options of the command
line into those names, so that one process and a process for each service are configured by the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

USUAL_ADMIN_PORT = 9080
"""Where clients look for a suite that nobody pointed them to."""

SERVICES: tuple[str, ...] = ("smki", "inventory", "sm-wan", "cos-party", "gateway")
"""In the order in which they are brought up: certificates first, the front door last."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the suite: the service that listens, its setting and the name it gives the listener."""

    service: str
    setting: str
    listener: str


PORTS: Mapping[str, Port] = {
    "duis": Port("gateway", "http_port", "duis"),
    "duis_tls": Port("gateway", "tls_port", "duis_tls"),
    "smki": Port("smki", "http_port", "smki"),
    "inventory": Port("inventory", "port", "inventory"),
    "cos_party": Port("cos-party", "port", "cos-party"),
    "sm_wan": Port("sm-wan", "port", "sm_wan"),
}
"""The ports by their name in the state file."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``dccemu up`` (acceptance.md, set-up and run)."""

    data: Path
    keystore: Path | None = None
    scenario: Path | None = None
    isolated: bool = False
    kafka: str | None = None
    database: str | None = None
    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    admin_port: int = USUAL_ADMIN_PORT
    receive: Mapping[str, str] = field(default_factory=dict)
    clock: datetime | None = None
    seed: int | None = None
    state: Path | None = None
    log_level: str = "warning"


def service_settings(options: Options, *, database_url: str, bus: str) -> dict[str, dict[str, str]]:
    """Settings of every service by name, as text, without the prefix.

    ``bus`` is ``memory`` or ``host:port`` of a Kafka-protocol broker.
    """
    common = {
        "database_url": database_url,
        "bus": bus,
        "host": options.host,
        "data_dir": str(options.data),
        "log_level": options.log_level,
    }
    if options.keystore is not None:
        common["keystore"] = str(options.keystore)
    if options.scenario is not None:
        common["scenario"] = str(options.scenario)
    if options.seed is not None:
        common["seed"] = str(options.seed)
    if options.clock is not None:
        common["clock"] = options.clock.isoformat()
    settings = {service: dict(common) for service in SERVICES}
    for name, port in PORTS.items():
        if name in options.ports:
            settings[port.service][port.setting] = str(options.ports[name])
    if options.receive:
        settings["gateway"]["receive"] = ",".join(f"{eui}={url}" for eui, url in options.receive.items())
    return settings


def environment(service: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings as environment variables of that service's process."""
    prefix = f"DCCEMU_{service.replace('-', '_').upper()}_"
    return {prefix + name.upper(): value for name, value in settings.items()}
