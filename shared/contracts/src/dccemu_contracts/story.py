"""Steps of a story: what a person would do, in order, with what must come of it.

A step does exactly one thing. Texts may use ``{name}`` for a value kept by an earlier step's ``keep``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Eui = Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{2}-){7}[0-9A-F]{2}$")]


class Part(BaseModel):
    """A part of a step."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SendStep(Part):
    """Send a Service Request as a User.

    ``body`` maps the one body element to its content as nested JSON in the order of the schema: keys are element
    names, a list repeats the element, ``""`` is an empty element. ``$certificate`` values are filled in by the player:
    ``{"$certificate": {"eui": ..., "role": 2, "usage": "digitalSignature", "top_up": false}}`` becomes the base64 of
    the certificate in use, ``{"$issuing": "organisation"}`` that of the issuing authority, ``{"$kept": "name"}`` a
    kept value. A critical request (command variant 4) is followed by its Signed Pre-Command with ``signed_variant``.
    ``target`` absent means the DCC (Non-Device). ``expect`` is the code of the final answer; ``synchronous`` of the
    HTTP reply if that differs from I0 and I99.
    """

    as_user: Eui = Field(alias="as")
    srv: str
    target: Eui | None = None
    command_variant: int | None = None
    signed_variant: int = 5
    body: dict[str, Any]
    execute: str | None = Field(
        default=None, description="ISO 8601 instant or duration from now for ExecutionDateTime."
    )
    expect: str = "I0"
    synchronous: str | None = None
    keep: dict[str, str] = Field(default={}, description="Name to place in the answer, as a dotted path.")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AdminStep(Part):
    """Call the admin port."""

    method: Literal["GET", "PUT", "POST", "DELETE"] = "GET"
    path: str
    json_body: Any = Field(default=None, alias="json")
    text: str | None = None
    expect: int = 200
    check: dict[str, Any] = Field(default={}, description="Dotted path in the answer to the value it must have.")
    within: float = Field(default=0.0, description="Seconds during which to ask again until the checks hold.")
    keep: dict[str, str] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CertifyStep(Part):
    """Ask the SMKI's ad hoc web service for the certificate of a Device's signing request, as a Party."""

    party: str = Field(description="Party ID of an Authorised Subscriber.")
    csr: str = Field(description="Name under which the signing request (DER) was kept.")
    keep: str = Field(description="Name under which to keep the certificate.")


class AwaitStep(Part):
    """Wait, at most ``within`` seconds, until a Device's record or a User's mailbox shows something."""

    device: Eui | None = None
    status: str | None = None
    user: Eui | None = None
    alert: str | None = Field(default=None, description="DCC Alert code that the User must have received.")
    where: dict[str, Any] = Field(default={}, description="Dotted path in the record to the value it must have.")
    within: float = 10.0


class StoryStep(Part):
    """One step: text to print, and exactly one of the things to do (or none: a heading).

    ``chapter`` begins a part of the story; the player tells how long each took.
    """

    chapter: str = ""
    say: str = ""
    send: SendStep | None = None
    admin: AdminStep | None = None
    certify: CertifyStep | None = None
    wait: AwaitStep | None = None
    advance: str | None = Field(default=None, description="ISO 8601 duration by which the Clock moves on.")

    @model_validator(mode="after")
    def _one_thing(self) -> StoryStep:
        things = [self.send, self.admin, self.certify, self.wait, self.advance]
        if sum(thing is not None for thing in things) > 1:
            raise ValueError("a step does one thing")
        return self
