"""A Command that awaits its answer, and what belongs to it when a message comes back from the Device.

A Response carries originator and target swapped, the Command's counter and its message code (gbcs.md section 5,
item 5). A Command is found by Device, business originator and counter; the id of the bus message is only a hint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

from dccemu_protocol.duis.responses import AnsweredRequest
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.identifiers import RequestId

from .lifecycle import CommandState

JsonValue: TypeAlias = "str | int | bool | list[JsonValue] | dict[str, JsonValue] | None"
Facts: TypeAlias = Mapping[str, JsonValue]
CommandKey: TypeAlias = tuple[str, str, int]


class Command(NamedTuple):
    """A Command as the gateway keeps it.

    ``originator`` is the business originator in the GBCS header: the User, the broker or the CoS Party. ``extra`` holds
    what its answer needs besides: ``cin``, ``schedule``, ``instructions`` (due at execution), ``facts`` of the request
    for the inventory.
    """

    id: str
    request_id: str
    kind: str
    user: str
    device: str
    srv: str
    service_reference: str
    schema_version: str
    use_case: str
    originator: str
    counter: int
    message_code: int
    state: CommandState
    sent_at: datetime
    expires_at: datetime
    execution_at: datetime | None
    extra: Facts

    @property
    def key(self) -> CommandKey:
        return self.device, self.originator, self.counter

    @property
    def answered(self) -> AnsweredRequest:
        """What the answer to the User says of its request."""
        return AnsweredRequest(RequestId.parse(self.request_id), self.service_reference, self.srv, self.schema_version)


def key_of_response(message: GbcsMessage) -> CommandKey:
    """The key of the Command that a Response answers."""
    return str(message.originator), str(message.target), message.counter


class OpenCommands:
    """The Commands without a final answer that this process sent or loaded, by key and by id."""

    def __init__(self) -> None:
        self._by_key: dict[CommandKey, Command] = {}
        self._by_id: dict[str, Command] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Command]:
        return iter(list(self._by_id.values()))

    def put(self, command: Command) -> None:
        """Note a Command, or its new state."""
        self._by_key[command.key] = command
        self._by_id[command.id] = command

    def find(self, key: CommandKey) -> Command | None:
        return self._by_key.get(key)

    def by_id(self, command_id: str) -> Command | None:
        return self._by_id.get(command_id)

    def close(self, command: Command) -> None:
        """Forget a Command that has its final answer."""
        self._by_id.pop(command.id, None)
        if self._by_key.get(command.key) is not None and self._by_key[command.key].id == command.id:
            del self._by_key[command.key]

    def clear(self) -> None:
        self._by_key.clear()
        self._by_id.clear()
