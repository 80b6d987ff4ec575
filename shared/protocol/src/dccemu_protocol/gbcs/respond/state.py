"""The durable state of one simulated Device: named values, and the draft that one Command makes of them.

Every fact that a Device remembers is a value under a name (``dlms/…`` a member that was set, ``gbz/…`` an attribute,
``clock/…``, ``log/…``, ``cell/…``, ``pending/…``). A :class:`Draft` reads through to the stored values and keeps what
it writes to itself, so that a Command that is not carried out leaves nothing behind, and what has to be stored is
exactly ``changes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"
_NO_RECORD: Mapping[str, Value] = MappingProxyType({})


class Draft:
    """A Device's values as one Command sees and changes them; ``None`` in ``changes`` means: no longer there."""

    __slots__ = ("_stored", "changes")

    def __init__(self, stored: Mapping[str, Value]) -> None:
        self._stored = stored
        self.changes: dict[str, Value] = {}

    def get(self, name: str) -> Value:
        """The value of a name, ``None`` where there is none."""
        return self.changes[name] if name in self.changes else self._stored.get(name)

    def put(self, name: str, value: Value) -> None:
        """Set a value; a text or number that is already stored is no change."""
        if isinstance(value, (str, int)) and name not in self.changes:
            stored = self._stored.get(name)
            if type(stored) is type(value) and stored == value:
                return
        self.changes[name] = value

    def drop(self, name: str) -> None:
        """Forget a value."""
        if name in self._stored:
            self.changes[name] = None
        else:
            self.changes.pop(name, None)

    def integer(self, name: str, default: int = 0) -> int:
        """A number."""
        value = self.get(name)
        return value if isinstance(value, int) else default

    def flag(self, name: str) -> bool:
        """A truth value, false where there is none."""
        return self.get(name) is True

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.get(name)
        return value if isinstance(value, str) else default

    def octets(self, name: str) -> bytes | None:
        """Octets, kept as hexadecimal text."""
        value = self.get(name)
        return bytes.fromhex(value) if isinstance(value, str) else None

    def put_octets(self, name: str, value: bytes) -> None:
        """Set octets."""
        self.put(name, value.hex())

    def record(self, name: str) -> dict[str, Value]:
        """A copy of a record, empty where there is none."""
        return dict(self.look(name))

    def look(self, name: str) -> Mapping[str, Value]:
        """The record itself, to be read only; empty where there is none."""
        value = self.get(name)
        return value if isinstance(value, dict) else _NO_RECORD

    def entries(self, name: str) -> list[Value]:
        """A copy of a list, empty where there is none."""
        value = self.get(name)
        return list(value) if isinstance(value, list) else []

    def names(self, prefix: str) -> Iterator[str]:
        """The names in use that begin with ``prefix``, in order."""
        found = {name for name in self._stored if name.startswith(prefix)}
        found.update(name for name in self.changes if name.startswith(prefix))
        return iter(sorted(name for name in found if self.get(name) is not None))


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What does not change while a Device lives: identity, type, product.

    EUI-64s are hexadecimal without hyphens; ``source`` is the meter whose registers a Gas Proxy Function mirrors.
    ``variant`` is the ESME variant. ``installed`` is the number of seconds from 2000-01-01 to when registers began to
    count. ``dated`` says whether the validity of certificates is checked where a Command does not ask to leave it.
    """

    eui: str
    type: str
    variant: str = ""
    gbcs_version: str = "4.3"
    manufacturer: str = ""
    model: str = ""
    firmware: str = "00000000"
    hub: str = ""
    gpf: str = ""
    source: str = ""
    import_mpxn: str = ""
    secondary_mpan: str = ""
    export_mpan: str = ""
    installed: int = 0
    dated: bool = True
    registers: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_twin_element(self) -> bool:
        """Whether the ESME has a second measuring element (variants B…, inventory.md section 2)."""
        return self.variant.startswith("B")

    @property
    def octets(self) -> bytes:
        """The EUI-64."""
        return bytes.fromhex(self.eui)
