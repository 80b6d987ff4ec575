"""A DCC Alert: a document of the DCC's own, signed, for one User (duis.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from dccemu_protocol.duis import responses
from dccemu_protocol.duis.content import Content
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.groupcommit import Write

from .gateway import Gateway


def dcc_alert(
    gateway: Gateway, code: str, name: str, content: Mapping[str, Content], about: str | None, user: str
) -> Write:
    """A signed DCC Alert as a row to deliver."""
    subject = Eui64.parse(about) if about else gateway.keys.broker
    counter = gateway.alert_counter.take()
    document = responses.dcc_alert(
        subject, Eui64.parse(user), counter, code, name, content, gateway.now(), gateway.version_of(user)
    )
    return gateway.delivery(
        user=user,
        device=str(subject),
        kind=f"dcc alert {code}",
        code="I0",
        document=gateway.keys.signer.sign_canonical(document),
        response_id=f"{subject}:{user}:{counter}",
    )
