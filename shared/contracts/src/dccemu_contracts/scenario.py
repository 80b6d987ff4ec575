"""The scenario file: Parties, meter points, products and Devices to begin with, and a story to play on them.

One YAML text is read by several services, each of which takes its own part: the inventory seeds its records, the SM
WAN its simulated Devices, the CoS Party nothing but thresholds. The models below are the file's schema; the JSON
Schema beside the files is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from dccemu_protocol.errors import ProtocolError

from .consent import ServiceClass, Verification
from .inventory import RoleSpan, TrustAnchorCell
from .story import StoryStep
from .trust_anchors import PARTY_NAMES, cells_of

Eui = Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{2}-){7}[0-9A-F]{2}$")]
Mpxn = Annotated[str, StringConstraints(pattern=r"^([0-9]{13}|[0-9]{1,10})$")]
UserRole = Literal["IS", "ES", "GS", "ED", "GT", "RSA", "OU"]
DeviceType = Literal["ESME", "GSME", "GPF", "CHF", "HCALCS", "PPMID", "IHD", "CAD", "SAPC"]
Status = Literal[
    "Pending",
    "Whitelisted",
    "InstalledNotCommissioned",
    "Commissioned",
    "Decommissioned",
    "Withdrawn",
    "Suspended",
    "Recovery",
    "Recovered",
]
TYPE_2 = frozenset({"IHD", "CAD"})


class Section(BaseModel):
    """A part of the file: unknown names are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DccIdentifiers(Section):
    """The DCC's EUI-64 in each of its roles: all different (registration-and-parties.md section 1)."""

    recovery: Eui = "90-B3-D5-1F-30-00-00-01"
    broker: Eui = "90-B3-D5-1F-30-00-00-02"
    cos: Eui = "90-B3-D5-1F-30-00-00-04"
    wan_provider: Eui = "90-B3-D5-1F-30-00-00-07"


class ScenarioUser(Section):
    """A User ID. ``roles`` is a list (all Active) or a map of role to entry status."""

    user: Eui
    roles: list[UserRole] | dict[UserRole, str]
    remote_party_role: int | None = None
    receive_url: str | None = None
    gateway_user: bool = True

    @property
    def statuses(self) -> dict[str, str]:
        if isinstance(self.roles, dict):
            return {str(role): status for role, status in self.roles.items()}
        return {str(role): "Active" for role in self.roles}


class ScenarioParty(Section):
    """A SEC Party with its User IDs. ``participants`` are its market participant ids in registration feeds."""

    party: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4,16}$")]
    name: str
    category: str | None = None
    participants: list[str] = []
    users: list[ScenarioUser] = []


class Registration(Section):
    """Who holds a role at a point from a UK local date on."""

    role: Literal["IS", "ES", "GS", "ED", "GT", "RSA"]
    user: Eui
    since: date
    until: date | None = None

    def span(self) -> RoleSpan:
        return RoleSpan(role=self.role, user=self.user, effective_from=self.since, effective_to=self.until)


class MeterPoint(Section):
    """A metering point of electricity (MPAN) or gas (MPRN) with its registrations."""

    mpxn: Mpxn
    fuel: Literal["electricity", "gas"]
    direction: Literal["import", "export"] = "import"
    registrations: list[Registration] = []
    status: str = "traded"
    domestic: bool = True
    uprn: str | None = None
    post_code: str | None = None
    address_identifier: str | None = None


class Product(Section):
    """An entry of the Certified Products List."""

    id: str
    type: DeviceType
    manufacturer: Annotated[str, StringConstraints(max_length=30)]
    model: Annotated[str, StringConstraints(max_length=30)]
    firmware_version: str | None = None
    smets_chts_version: str | None = None
    gbcs_version: str | None = None
    image_hash: str | None = None
    status: Literal["Active", "Cancelled", "Expired", "Withdrawn"] = "Active"


class Simulation(BaseModel):
    """How the simulated Device behaves; read by the SM WAN. Further names are passed through."""

    model_config = ConfigDict(extra="allow", frozen=True)

    latency_ms: float = 0
    jitter_ms: float = 0
    loss: float = 0
    silent: bool = False
    install_code: str | None = None
    registers: dict[str, Any] = {}


class ScenarioDevice(Section):
    """A Device in the inventory (unless ``recorded`` is false) and on the SM WAN (unless ``simulated`` is false).

    ``credentials`` names the party in each remote party role's cells: recovery, supplier, network_operator, broker,
    cos, wan_provider, load_controller. DCC roles left out are the DCC's own.
    """

    device: Eui
    type: DeviceType
    product: str
    status: Status | None = None
    recorded: bool = True
    simulated: bool = True
    hub: Eui | None = None
    gpf: Eui | None = None
    meters: list[Eui] = []
    import_mpxn: Mpxn | None = None
    secondary_import_mpan: Mpxn | None = None
    export_mpan: Mpxn | None = None
    esme_variant: str | None = None
    commissioned_on: date | None = None
    uprn: str | None = None
    post_code: str | None = None
    address_identifier: str | None = None
    csp_region: str | None = None
    han_variant: str | None = None
    connectivity: str | None = None
    notified_by: Eui | None = None
    chf_log_backup: dict[str, Any] | None = None
    gpf_log_backup: dict[str, Any] | None = None
    credentials: dict[str, Eui] = {}
    simulation: Simulation = Simulation()


class ScenarioConsent(Section):
    """A consent of an Energy Consumer that an Other User has recorded, for a meter point or a Device."""

    consent: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    user: Eui
    mpxn: Mpxn | None = None
    device: Eui | None = None
    classes: list[ServiceClass] = Field(min_length=1)
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    verification: Verification
    purpose: str
    written_notice_at: AwareDatetime

    @model_validator(mode="after")
    def _has_one_place(self) -> ScenarioConsent:
        if (self.mpxn is None) == (self.device is None):
            raise ValueError(f"consent {self.consent}: either mpxn or device")
        return self


class WanArea(Section):
    """SM WAN coverage of a postcode area, answered by 12.1."""

    post_code: str
    region: Literal["North", "Central", "South"]
    covered: bool = True
    available_from: date | None = None
    wan_variant: str = "Cellular"
    addresses: list[str] = []


class Scenario(Section):
    """A whole scenario file."""

    name: str
    description: str = ""
    dcc: DccIdentifiers = DccIdentifiers()
    parties: list[ScenarioParty] = []
    meter_points: list[MeterPoint] = []
    products: list[Product] = []
    devices: list[ScenarioDevice] = []
    wan_areas: list[WanArea] = []
    consents: list[ScenarioConsent] = []
    story: list[StoryStep] = Field(default=[], description="Steps played in order by `dccemu scenario play`.")

    @model_validator(mode="after")
    def _references(self) -> Scenario:
        """Names that are used must be given, and given once."""
        for what, names in (
            ("party", [party.party for party in self.parties]),
            ("user", [user.user for party in self.parties for user in party.users]),
            ("meter point", [point.mpxn for point in self.meter_points]),
            ("product", [product.id for product in self.products]),
            ("device", [device.device for device in self.devices]),
            ("consent", [consent.consent for consent in self.consents]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{what} given twice: {', '.join(sorted(twice))}")
        products = {product.id: product for product in self.products}
        devices = {device.device: device for device in self.devices}
        for device in self.devices:
            product = products.get(device.product)
            if product is None:
                raise ValueError(f"device {device.device}: no product {device.product!r}")
            if product.type != device.type:
                raise ValueError(f"device {device.device} is {device.type}, product {product.id} is {product.type}")
            if device.recorded and (device.status is None) != (device.type in TYPE_2):
                raise ValueError(f"device {device.device}: every Device but IHD and CAD has a status, those have none")
            for other in (device.hub, device.gpf, *device.meters):
                if other is not None and other not in devices:
                    raise ValueError(f"device {device.device}: no device {other}")
            unknown = set(device.credentials) - set(PARTY_NAMES)
            if unknown:
                raise ValueError(f"device {device.device}: no remote party role {', '.join(sorted(unknown))}")
        return self

    def product(self, identifier: str) -> Product:
        """Give the product with that id."""
        return next(product for product in self.products if product.id == identifier)

    def cells(self, device: ScenarioDevice) -> tuple[TrustAnchorCell, ...]:
        """List the trust anchor cells that the Device starts with."""
        return cells_of(device.type, self.product(device.product).gbcs_version, self.holders(device))

    def holders(self, device: ScenarioDevice) -> dict[int, str]:
        """Give the party of each remote party role on the Device: DCC's own where the file is silent.

        Supplier and Network Operator cells left out hold the broker's certificates (the DCC controls the Device).
        """
        broker = self.dcc.broker
        own: Mapping[str, str] = {
            "recovery": self.dcc.recovery,
            "supplier": broker,
            "network_operator": broker,
            "broker": broker,
            "cos": self.dcc.cos,
            "wan_provider": self.dcc.wan_provider,
        }
        return {PARTY_NAMES[name]: eui for name, eui in {**own, **device.credentials}.items()}


class _PlainLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as JSON would have it: dates and times stay text, so that one schema fits both."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_plain(text: str) -> object:
    """Read YAML into JSON values.

    Raises
    ------
    ProtocolError
        ``BAD_SCENARIO`` when the text is not YAML.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader with fewer resolvers
    except yaml.YAMLError as error:
        raise ProtocolError("BAD_SCENARIO", f"not YAML: {error}") from error


def parse_scenario(text: str) -> Scenario:
    """Read a scenario file.

    Raises
    ------
    ProtocolError
        ``BAD_SCENARIO``, with the place of the first fault.
    """
    try:
        return Scenario.model_validate(parse_plain(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProtocolError("BAD_SCENARIO", f"{first['msg']} ({error.error_count()} faults)", place=place) from error
