"""Authentication of subscribers' systems, and the audit of what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cryptography import x509
from cryptography.x509.oid import NameOID
from fastapi import Query
from starlette.requests import Request

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.http.problem import Problem

from ..domain.errors import NOT_ESTABLISHED, NOT_SUBSCRIBER
from ..domain.messages import Identified
from ..usecases.audit import note
from ..usecases.context import Smki
from ..usecases.establish import missing
from ..usecases.subscribers import Subscriber, find_subscriber, subscriber_of_key

Officer = Annotated[str | None, Query(max_length=64, description="the responsible officer who acts")]


async def authenticate(smki: Smki, request: Request) -> Subscriber:
    """Who asks: the organisation of a TLS client certificate, or else the owner of the API key.

    Raises
    ------
    Problem
        401 when nobody is known by it.
    """
    try:
        peer = _peer_party(request)
        if peer is not None:
            found = await find_subscriber(smki, peer)
            if found is None:
                raise ProtocolError(NOT_SUBSCRIBER, f"{peer[:40]!r} of the client certificate is not registered")
            return found
        key = request.query_params.get("apikey") or request.headers.get("x-api-key")
        return await subscriber_of_key(smki, key)
    except ProtocolError as error:
        raise Problem(401, error.detail, code=error.rule) from None


async def check_established(smki: Smki) -> None:
    """No subscriber is served before the DCC's own certificates are all there (checklist B8).

    Raises
    ------
    ProtocolError
        ``NOT_ESTABLISHED``.
    """
    smki.is_established = smki.is_established or not await missing(smki)
    if not smki.is_established:
        lacking = ", ".join(await missing(smki))
        raise ProtocolError(NOT_ESTABLISHED, f"not established yet: {lacking}", source="SEC stage 4, 188")


def _peer_party(request: Request) -> str | None:
    der = getattr(request.state, "peer_certificate", None)
    if not der:
        return None
    names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(names[0].value) if names else None


@asynccontextmanager
async def audited(smki: Smki, action: str, subscriber: Subscriber) -> AsyncIterator[None]:
    """Note a refusal, in a transaction of its own, and pass it on."""
    try:
        yield
    except (ProtocolError, Identified) as refused:
        error = refused.error if isinstance(refused, Identified) else refused
        why = error.detail[:400].replace("\0", "")
        async with smki.database.transaction() as connection:
            await note(smki, connection, action, "refused", party=subscriber.party, rule=error.rule, why=why)
        raise
