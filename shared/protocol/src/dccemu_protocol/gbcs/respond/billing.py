"""The billing data log as a meter pushes it: ECS68 and GCS53, alert 8F0A (gbcs.md sections 6.5 and 10)."""

from __future__ import annotations

from .. import datum as d
from .. import gbz, times, zcl
from .gas_answers import snapshot_fields
from .logs import snapshot_row
from .occasion import AlertOrder, Content, Sealing
from .rules import member

BILLING_DATA_LOG_UPDATED = 0x8F0A
_ECS68, _GCS53, _SUPPLIER = 0x0061, 0x008B, 2
_BILLING_LOG = member("7/0-0:98.1.0.255/2")
_END_OF_PERIOD = 0x02


def billing_alert(device_type: str) -> AlertOrder:
    """The Alert for the Supplier with the registers as they are now, encrypted."""
    if device_type in ("GSME", "GPF"):
        return AlertOrder(BILLING_DATA_LOG_UPDATED, message_code=_GCS53, content=_gas, role=_SUPPLIER)
    return AlertOrder(BILLING_DATA_LOG_UPDATED, message_code=_ECS68, content=_electricity, role=_SUPPLIER)


def _electricity(sealing: Sealing) -> Content:
    row = snapshot_row(sealing.facts, sealing.state, _BILLING_LOG, times.seconds_since_2000(sealing.at))
    agreed = d.structure(d.Enum(2), d.structure(d.OctetString(b"\x02"), d.OctetString(b"")))
    protection = d.structure(
        d.Enum(2),
        d.structure(
            d.OctetString(b"\x04" + sealing.counter.to_bytes(8, "big")),
            d.OctetString(sealing.facts.octets),
            d.OctetString(sealing.recipient.octets),
            d.OctetString(b""),
            agreed,
        ),
    )
    return d.array([protection]), d.OctetString(sealing.encrypt(d.encode(d.structure(row))))


def _gas(sealing: Sealing) -> Content:
    at = times.seconds_since_2000(sealing.at)
    fields = {
        "snapshotId": at,
        "snapshotTime": at,
        "snapshotsFound": 1,
        "commandIndex": 0,
        "totalCommands": 1,
        "snapshotCause": _END_OF_PERIOD,
        **snapshot_fields(sealing.facts, sealing.state, at),
    }
    layout = zcl.layout_named("PublishSnapshot")
    control = zcl.CLUSTER_SPECIFIC | zcl.SERVER_TO_CLIENT | zcl.NO_DEFAULT_RESPONSE
    blob = sealing.encrypt(zcl.encode(zcl.ZclCommand("PublishSnapshot", fields), layout))
    component = gbz.Component(layout.cluster, control, 0, layout.command_id, blob, frame_counter=0)
    out = bytearray()
    gbz.write_component(out, component, True)
    return bytes(out)
