"""The frame of every message: a pydantic model with an id, read leniently and written exactly."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from .topics import Topic


class Contract(BaseModel):
    """A message on the bus.

    Additive changes only within a major version: unknown fields are ignored on reading. ``id`` is the inbox key,
    unique for the message and stable over repeats; ``at`` is the Clock's time of sending, UTC.
    Octets travel as lower-case hexadecimal text.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    topic: ClassVar[Topic]

    id: str
    at: datetime

    @property
    def key(self) -> str:
        """The message key on the bus."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """JSON, UTF-8."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the JSON form.

        Raises
        ------
        pydantic.ValidationError
            When the message does not fit the contract: the consumer parks it as a dead letter.
        """
        return cls.model_validate_json(data)
