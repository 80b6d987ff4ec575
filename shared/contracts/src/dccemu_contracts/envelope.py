"""The frame of every message: a pydantic model with an id, read leniently and written exactly."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from .topics import Topic

#: A message as octets to keep: the first part is its own, the others it may have in common with many messages.
Parts: TypeAlias = tuple[bytes, ...]


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
        # What model_dump_json calls, without its detour over text and twenty options.
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the JSON form.

        Raises
        ------
        pydantic.ValidationError
            When the message does not fit the contract: the consumer parks it as a dead letter.
        """
        return cls.__pydantic_validator__.validate_json(data)  # type: ignore[no-any-return]

    @classmethod
    def read(cls, data: bytes) -> tuple[Self, Parts]:
        """Read the JSON form, and give the parts to keep it in; raises as ``from_bytes`` does."""
        parts = cls.parts(data)
        if len(parts) > 1:
            try:
                return cls.from_parts(parts), parts
            except ValidationError:
                parts = (data,)  # read as a whole, so that the error names the right place
        return cls.model_validate_json(data), parts

    @classmethod
    def parts(cls, data: bytes) -> Parts:
        """Cut the JSON form into parts; whatever ``read`` accepted comes back from them by ``from_parts``."""
        return (data,)

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Read what ``parts`` cut."""
        (data,) = parts
        return cls.model_validate_json(data)
