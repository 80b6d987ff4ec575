"""GBZ payloads: ZigBee components and alerts (gbcs.md sections 7 and 10).

A Command or Response is ``0109``, a count, and components::

    control cluster(2) length(2)
      00 frame-counter                     encrypted components only
      from-date-time(4)                    control bit 4, big-endian seconds since 2000
      frame-control sequence command-id    ZCL header
      ZCL payload, or length(2) and the encrypted value of crypto.encrypt

An Alert is ``0109``, ``01`` if more content follows else ``00``, alert code(2), time(4) and that content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import zcl
from .errors import BAD_LENGTH, BAD_VALUE, GbcsError
from .octets import Cursor

PROFILE = b"\x01\x09"
_LAST = 0x01
_ENCRYPTED = 0x02
_FROM_DATE_TIME = 0x10


@dataclass(frozen=True, slots=True)
class Component:
    """One ZigBee command. ``payload`` is the ZCL payload or, when ``frame_counter`` is given, the encrypted value."""

    cluster: int
    frame_control: int
    sequence: int
    command_id: int
    payload: bytes
    from_date_time: int | None = None
    frame_counter: int | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether the payload is an encrypted value."""
        return self.frame_counter is not None

    def zcl(self, plain: bytes | None = None) -> zcl.ZclPayload:
        """The typed payload; for an encrypted component ``plain`` is the decrypted value."""
        return zcl.decode(self.cluster, self.frame_control, self.command_id, self.payload if plain is None else plain)


@dataclass(frozen=True, slots=True)
class GbzPayload:
    """The payload of a GBZ Command or Response."""

    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class GbzAlert:
    """The payload of a GBZ Alert; ``time`` is seconds since 2000, ``extra`` depends on the message code."""

    alert_code: int
    time: int
    extra: bytes = b""


def cluster_command(
    name: str, fields: dict[str, zcl.FieldValue], sequence: int, from_date_time: int | None = None
) -> Component:
    """A component for a named cluster command; frame control 01, or 09 for the publish kind."""
    layout = zcl.layout_named(name)
    frame_control = zcl.CLUSTER_SPECIFIC | (zcl.SERVER_TO_CLIENT if layout.to_client else 0)
    payload = zcl.encode(zcl.ZclCommand(name, fields), layout)
    return Component(layout.cluster, frame_control, sequence, layout.command_id, payload, from_date_time)


def read_attributes(
    cluster: int, attributes: Iterable[int], sequence: int, from_date_time: int | None = None
) -> Component:
    """A component that asks for attributes of one cluster."""
    payload = zcl.encode(zcl.ReadAttributes(tuple(attributes)))
    return Component(cluster, 0, sequence, zcl.READ_ATTRIBUTES, payload, from_date_time)


def encode(payload: GbzPayload) -> bytes:
    """The octets of a Command's or Response's payload."""
    count = len(payload.components)
    if not 1 <= count <= 0xFF:
        raise GbcsError(BAD_VALUE, f"{count} components are not 1 to 255")
    out = bytearray(PROFILE)
    out.append(count)
    for number, component in enumerate(payload.components, 1):
        write_component(out, component, number == count)
    return bytes(out)


def write_component(out: bytearray, component: Component, last: bool) -> None:
    """Append one component; the GCS53 alert carries a single one as its extra content."""
    control = _LAST if last else 0
    body = bytearray()
    if component.frame_counter is not None:
        control |= _ENCRYPTED
        body += bytes((0, component.frame_counter))
    if component.from_date_time is not None:
        control |= _FROM_DATE_TIME
        body += component.from_date_time.to_bytes(4, "big")
    body += bytes((component.frame_control, component.sequence, component.command_id))
    if component.frame_counter is not None:
        body += len(component.payload).to_bytes(2, "big")
    body += component.payload
    if len(body) > 0xFFFF:
        raise GbcsError(BAD_LENGTH, f"a component of {len(body)} octets does not fit its length")
    out.append(control)
    out += component.cluster.to_bytes(2, "big")
    out += len(body).to_bytes(2, "big")
    out += body


def decode(data: bytes) -> GbzPayload:
    """Read the whole payload of a Command or Response."""
    cursor = Cursor(data)
    cursor.expect(PROFILE, "the profile")
    at = cursor.at
    count = cursor.u8()
    if not count:
        raise GbcsError(BAD_VALUE, "there are no components", at)
    components = tuple([read_component(cursor, number == count) for number in range(1, count + 1)])
    cursor.finish("the GBZ payload")
    return GbzPayload(components)


def read_component(cursor: Cursor, last: bool) -> Component:
    """Read one component; its control octet has to say whether it is the last."""
    at = cursor.at
    control = cursor.u8()
    if control & ~(_LAST | _ENCRYPTED | _FROM_DATE_TIME) or bool(control & _LAST) != last:
        raise GbcsError(BAD_VALUE, f"{control:02x} is not the control octet of this component", at)
    cluster = cursor.unsigned(2)
    body = cursor.part(cursor.unsigned(2))
    frame_counter = None
    if control & _ENCRYPTED:
        body.expect(b"\x00", "the additional header control")
        frame_counter = body.u8()
    from_date_time = body.unsigned(4) if control & _FROM_DATE_TIME else None
    frame_control, sequence, command_id = body.u8(), body.u8(), body.u8()
    if control & _ENCRYPTED:
        at = body.at
        if body.unsigned(2) != body.left:
            raise GbcsError(BAD_LENGTH, f"the encrypted value has {body.left} octets, its length says otherwise", at)
    payload = body.take(body.left)
    return Component(cluster, frame_control, sequence, command_id, payload, from_date_time, frame_counter)


def encode_alert(alert: GbzAlert) -> bytes:
    """The octets of an Alert's payload."""
    return b"".join(
        (
            PROFILE,
            b"\x01" if alert.extra else b"\x00",
            alert.alert_code.to_bytes(2, "big"),
            alert.time.to_bytes(4, "big"),
            alert.extra,
        )
    )


def decode_alert(data: bytes) -> GbzAlert:
    """Read the whole payload of an Alert."""
    cursor = Cursor(data)
    cursor.expect(PROFILE, "the profile")
    at = cursor.at
    more = cursor.u8()
    alert = GbzAlert(cursor.unsigned(2), cursor.unsigned(4), cursor.take(cursor.left))
    if more != bool(alert.extra):
        raise GbcsError(BAD_VALUE, f"{more:02x} does not say whether more content follows", at)
    return alert
