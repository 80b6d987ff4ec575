"""Service Requests written as a body, and what they become for a Device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from dccemu_protocol.catalogue import service_requests
from dccemu_protocol.duis.document import parse_document
from dccemu_protocol.duis.names import SR
from dccemu_protocol.duis.request import DuisRequest, read_request
from dccemu_protocol.gbcs import der, dlms, gbz, zcl
from dccemu_protocol.gbcs.datum import Datum
from dccemu_protocol.gbcs.der_types import DerValue
from dccemu_protocol.gbcs.transform import DeviceView, TransformContext, Transformed, transform
from dccemu_protocol.identifiers import Eui64

USER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
BROKER = Eui64.parse("90-B3-D5-1F-30-00-00-02")
DEVICE = Eui64.parse("00-DB-12-34-56-78-90-A0")
COUNTER = 1000


@dataclass
class Workbench:
    """A Device and a sender; ``made`` keeps the last transformation."""

    device: DeviceView = field(default_factory=lambda: DeviceView(DEVICE, "ESME", "4.3", "A"))
    context: TransformContext = field(init=False)

    def __post_init__(self) -> None:
        self.context = TransformContext(
            now=datetime(2015, 1, 1, tzinfo=UTC),
            device=self.device,
            broker=BROKER,
            user_is_known=True,
            next_role_counter=lambda party: 1300,
            cin="1234",
        )

    def of(self, kind: str, version: str = "4.3", variant: str | None = None) -> Workbench:
        """The same for another Device."""
        device = DeviceView(DEVICE, kind, version, "A" if kind == "ESME" and variant is None else variant)
        other = Workbench(device)
        other.context = self.context._replace(device=device)
        return other

    def given(self, **changes: object) -> Workbench:
        """The same with another context."""
        other = Workbench(self.device)
        other.context = self.context._replace(**changes)  # type: ignore[arg-type]
        return other

    def request(self, srv: str, inner: str = "", user: Eui64 = USER, attributes: str = "") -> DuisRequest:
        """A Service Request; the elements of ``inner`` are in the DUIS namespace."""
        variant = service_requests[srv]
        return read_request(
            parse_document(
                f'<Request xmlns="{SR}" schemaVersion="5.4"><Header><RequestID>{user}:{DEVICE}:{COUNTER}</RequestID>'
                f"<CommandVariant>{min(variant.command_variants)}</CommandVariant>"
                f"<ServiceReference>{variant.service_reference}</ServiceReference>"
                f"<ServiceReferenceVariant>{srv}</ServiceReferenceVariant></Header>"
                f"<Body><{variant.body_element}{attributes}>{inner}</{variant.body_element}></Body></Request>".encode()
            )
        )

    def make(self, srv: str, inner: str = "", user: Eui64 = USER, attributes: str = "") -> Transformed:
        """Transform a Service Request."""
        return transform(self.request(srv, inner, user, attributes), self.context)

    def data(self, srv: str, inner: str = "", attributes: str = "") -> list[Datum]:
        """The data of the DLMS Command it becomes."""
        return list(self.access(srv, inner, attributes).data)

    def access(self, srv: str, inner: str = "", attributes: str = "") -> dlms.AccessRequest:
        """The DLMS Command it becomes."""
        payload = dlms.decode(self.make(srv, inner, attributes=attributes).message.payload)
        assert isinstance(payload, dlms.AccessRequest)
        return payload

    def components(self, srv: str, inner: str = "") -> list[zcl.ZclPayload]:
        """The commands of the GBZ Command it becomes."""
        return [one.zcl() for one in gbz.decode(self.make(srv, inner).message.payload).components]

    def structure(self, srv: str, inner: str = "") -> DerValue:
        """The DER structure of the Command it becomes."""
        message = self.make(srv, inner).message
        return der.decode(message.payload, message.message_code, message.cra)


@pytest.fixture
def bench() -> Workbench:
    return Workbench()


@pytest.fixture
def wild_date() -> Callable[..., str]:
    """A date with wild cards of an electricity body."""

    def write(
        year: int | None = None, month: int | None = None, day: int | str | None = None, week: int | None = None
    ) -> str:
        def part(name: str, value: int | None) -> str:
            inner = f"<NonSpecified{name}/>" if value is None else f"<Specified{name}>{value}</Specified{name}>"
            return f"<{name}>{inner}</{name}>"

        days = f"<DayOfMonth><{day}/></DayOfMonth>" if isinstance(day, str) else part("DayOfMonth", day)
        return part("Year", year) + part("Month", month) + days + part("DayOfWeek", week)

    return write
