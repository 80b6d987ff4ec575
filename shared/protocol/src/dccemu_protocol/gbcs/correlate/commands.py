"""Commands as ordered items: what a use case makes of a request, item by item, in DLMS and in GBZ.

A part of a use case yields items for a request (none, one or several); an item knows its name, where in the Pre-Command
it stands and how to compare its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .. import datum as d
from .. import zcl
from ..datum import Datum
from ..dlms import Operation, Specification, obis_octets, obis_text
from ..gbz import Component
from ..zcl import FieldValue
from . import datums
from .asked import Asked
from .comparer import Comparer
from .meaning import Said, show
from .result import Difference, Unlike

# -- DLMS ------------------------------------------------------------------------------------------------------------

Content: TypeAlias = Comparer[Datum] | Datum


@dataclass(frozen=True, slots=True)
class Access:
    """One access request specification and its datum."""

    asked: Asked
    specification: Specification
    content: Content

    @property
    def name(self) -> str:
        return access_name(self.specification)

    def check(self, specification: Specification, datum: Datum) -> None:
        """Compare with what stands at this position."""
        if specification != self.specification:
            raise Unlike(Difference(self.asked.place, "item", self.name, access_name(specification)))
        if isinstance(self.content, Comparer):
            self.content.check(self.asked, datum, self.name)
        elif datum != self.content:
            shape = Comparer(datums.constant(self.content), lambda asked: Said(None, asked.place))
            shape.check(self.asked, datum, self.name)


DlmsPart: TypeAlias = Callable[[Asked], list[Access]]
_WORDS = {Operation.GET: "get", Operation.SET: "set", Operation.ACTION: "action", Operation.GET_WITH_SELECTION: "get"}


def access_name(one: Specification) -> str:
    """``set class 113 0-0:19.20.0.255 attribute 6``."""
    member = "method" if one.operation is Operation.ACTION else "attribute"
    selected = " with selection" if one.selection is not None else ""
    return f"{_WORDS[one.operation]} class {one.class_id} {obis_text(one.obis)} {member} {one.member}{selected}"


def _access(operation: Operation, class_id: int, obis: str, member: int, content: Content) -> DlmsPart:
    specification = Specification(operation, class_id, obis_octets(obis), member)
    return lambda asked: [Access(asked, specification, content)]


def put(class_id: int, obis: str, attribute: int, content: Content) -> DlmsPart:
    """Set an attribute."""
    return _access(Operation.SET, class_id, obis, attribute, content)


def act(class_id: int, obis: str, method: int, content: Content) -> DlmsPart:
    """Invoke a method."""
    return _access(Operation.ACTION, class_id, obis, method, content)


def get(class_id: int, obis: str, attribute: int) -> DlmsPart:
    """Get an attribute."""
    return _access(Operation.GET, class_id, obis, attribute, d.NULL)


# -- GBZ -------------------------------------------------------------------------------------------------------------


class GatewayTime:
    """A field that holds when the gateway made the Pre-Command: the same instant everywhere."""


GATEWAY_TIME = GatewayTime()
FieldContent: TypeAlias = Comparer[FieldValue] | GatewayTime | int | bytes


@dataclass(frozen=True, slots=True)
class ClusterCommand:
    """One ZigBee cluster command: every field of it."""

    asked: Asked
    name: str
    fields: Mapping[str, FieldContent]
    from_date_time: Comparer[FieldValue] | None = None

    def check(self, component: Component, position: int) -> list[tuple[str, int]]:
        """Compare with the component at this position (from 0); gives the gateway times found."""
        place = self.asked.place
        layout = zcl.layout_named(self.name)
        if component.is_encrypted:
            raise Unlike(Difference(place, f"item {self.name}", "plain", "encrypted"))
        content = component.zcl()
        if not isinstance(content, zcl.ZclCommand) or content.name != self.name:
            found = content.name if isinstance(content, zcl.ZclCommand) else type(content).__name__
            raise Unlike(Difference(place, "item", self.name, found))
        control = zcl.CLUSTER_SPECIFIC | (zcl.SERVER_TO_CLIENT if layout.to_client else 0)
        for what, expected, seen in (
            ("frame control", control, component.frame_control),
            ("sequence number", position, component.sequence),
        ):
            if expected != seen:
                raise Unlike(Difference("", f"{self.name} {what}", str(expected), str(seen)))
        self._check_from(component.from_date_time)
        return self._check_fields(content.fields)

    def _check_from(self, found: int | None) -> None:
        item = f"{self.name} From Date Time"
        if self.from_date_time is not None and found is not None:
            self.from_date_time.check(self.asked, found, item)
        elif found is not None:
            raise Unlike(Difference(self.asked.place, item, "nothing", str(found)))
        elif self.from_date_time is not None:
            raise Unlike(Difference(self.asked.place, item, "a time", "nothing"))

    def _check_fields(self, found: Mapping[str, FieldValue]) -> list[tuple[str, int]]:
        instants = []
        for name, value in found.items():
            item = f"{self.name} {name}"
            match self.fields.get(name):
                case Comparer() as comparer:
                    comparer.check(self.asked, value, item)
                case GatewayTime() if isinstance(value, int):
                    instants.append((item, value))
                case constant if value != constant:
                    raise Unlike(Difference(self.asked.place, item, f"always {show(constant)}", show(value)))
        return instants


GbzPart: TypeAlias = Callable[[Asked], list[ClusterCommand]]


def send(name: str, fields: Mapping[str, FieldContent], start: Comparer[FieldValue] | None = None) -> GbzPart:
    """A cluster command."""
    return lambda asked: [ClusterCommand(asked, name, fields, start)]


# -- parts that depend on the request --------------------------------------------------------------------------------


def each_access(path: str, make: Callable[[Asked], DlmsPart]) -> DlmsPart:
    """Items for each element of a path."""
    return lambda asked: [item for one in asked.each(path) for item in make(one)(one)]


def each_command(path: str, part: GbzPart) -> GbzPart:
    """Items for each element of a path."""
    return lambda asked: [item for one in asked.each(path) for item in part(one)]


def command_if(path: str, yes: GbzPart, no: GbzPart | None = None) -> GbzPart:
    """Items when the element at a path is there, other ones when it is not."""
    return lambda asked: yes(asked) if asked.has(path) else (no(asked) if no is not None else [])
