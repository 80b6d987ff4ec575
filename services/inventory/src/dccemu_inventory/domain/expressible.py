"""What a record may hold: what DSPInventory can say of it (DUIS schema 5.4, types Device and PropertyFilter)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TypeVar

from dccemu_contracts.dsp_inventory import DEVICE_ELEMENTS, PROPERTY_ELEMENTS
from dccemu_contracts.inventory import DeviceFact, RegistrationFact
from dccemu_protocol.duis.schema.models import element_order
from dccemu_protocol.duis.schema.tables import load
from dccemu_protocol.duis.schema.validator import types
from dccemu_protocol.errors import ProtocolError

_Record = TypeVar("_Record", DeviceFact, RegistrationFact)
_SOURCE = "duis.md section 6, DUIS schema 5.4: Device"

# Fields that have a type of their own in our facts, or are shown as something else.
_CHECKED_ELSEWHERE = frozenset({"device", "type", "commissioned_on"})


#: The fields of a place: a meter point has them too, and hands them on to its Devices.
PLACE = frozenset({"uprn", "post_code", "address_identifier"})


def unspeakable(values: Mapping[str, object], fields: Collection[str] | None = None) -> tuple[str, str] | None:
    """The first of ``fields`` (None: all) whose value no answer to 8.2 could say, and why; None when there is none."""
    for name, check in _checks().items():
        value = values.get(name) if fields is None or name in fields else None
        complaint = check(value) if isinstance(value, str) else None
        if complaint is not None:
            return name, complaint
    return None


def checked(record: _Record) -> _Record:
    """Refuse a record that cannot be shown: ProtocolError ``BAD_RECORD`` with the field."""
    found = unspeakable(vars(record), None if isinstance(record, DeviceFact) else PLACE)
    if found is not None:
        field, complaint = found
        raise ProtocolError("BAD_RECORD", f"{record.key}: {complaint}", place=field, source=_SOURCE)
    return record


@cache
def _checks() -> Mapping[str, Callable[[str], str | None]]:
    """The check of each field, by the type that the schema gives its element."""
    checks = {}
    for kind, elements in (("Device", DEVICE_ELEMENTS), ("PropertyFilter", PROPERTY_ELEMENTS)):
        content = load().complex[kind].content
        assert content is not None
        for element, type_name in element_order(content):
            field = elements.get(element)
            if field is not None and field not in _CHECKED_ELSEWHERE and type_name is not None:
                checks[field] = types().simple(type_name)
    return checks
