"""The repository on port 8083, exactly as published clients use it (smki.md section 8.1), and its files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.http import problem

from ..domain import search
from ..usecases.context import Smki
from ..usecases.files import ARL, CRL, bundle_zip, delta_zip, full_zip, list_file, policy_document

XML = "application/xml"
ANSWERED = Histogram(
    "dccemu_smki_repository_seconds",
    "Time to answer a search or retrieve",
    ["call"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 4.0),
)


def routes(smki: Smki) -> list[Route]:
    """The routes, in front of the FastAPI application: no clients' round trip waits for a framework."""
    front = _Repository(smki)
    return [
        Route("/services/certificatesearch", front.search, methods=["POST"]),
        Route("/services/retrievecertificate", front.retrieve, methods=["POST"]),
        Route("/assets/crypto/org-crypto.zip", front.bundle, methods=["GET", "HEAD"]),
        Route("/repository/crl/organisation.crl", front.crl, methods=["GET"]),
        Route("/repository/crl/{authority}.crl", front.crl, methods=["GET"]),
        Route("/repository/arl/oca.arl", front.arl, methods=["GET"]),
        Route("/repository/arl/{authority}.arl", front.arl, methods=["GET"]),
        Route("/repository/delta/{day}.zip", front.delta, methods=["GET"]),
        Route("/repository/full.zip", front.full, methods=["GET"]),
        Route("/repository/policies/{name}", front.policy, methods=["GET"]),
    ]


class _Repository:
    """Handlers: parse, call, render."""

    def __init__(self, smki: Smki) -> None:
        self._smki = smki

    async def search(self, request: Request) -> Response:
        with ANSWERED.labels("search").time():
            return await self._answered(request, self._search)

    async def retrieve(self, request: Request) -> Response:
        with ANSWERED.labels("retrieve").time():
            return await self._answered(request, self._retrieve)

    async def _answered(self, request: Request, answer: Callable[[bytes], Awaitable[bytes | None]]) -> Response:
        key = self._smki.settings.api_key
        if key and request.query_params.get("apikey") != key:
            return Response(status_code=401)
        try:
            found = await answer(await request.body())
        except ProtocolError as error:
            return Response(f"{error.rule}: {error.detail}", 401, media_type="text/plain")
        return Response(status_code=402) if found is None else Response(found, media_type=XML)

    async def _search(self, body: bytes) -> bytes | None:
        criteria = search.read_search(body)
        at = self._smki.now()
        found = await self._smki.store.by_owner(criteria.eui, criteria.kind)
        wanted = [record for record in found if criteria.fits(record, at)]
        return search.search_answer(wanted, self._audit(), at) if wanted else None

    async def _retrieve(self, body: bytes) -> bytes | None:
        found = await self._smki.store.by_serial(search.read_retrieve(body))
        return search.retrieve_answer(found[-1], self._audit(), self._smki.now()) if found else None

    def _audit(self) -> str:
        """Any text: ten digits and nine characters, as the published samples have it."""
        drawn = self._smki.entropy.octets(9).hex()
        return f"{int(drawn[:8], 16):010d}-{drawn[8:17]}"

    async def bundle(self, _request: Request) -> Response:
        return _zip(await bundle_zip(self._smki))

    async def crl(self, request: Request) -> Response:
        return _found(await list_file(self._smki, CRL, request.path_params.get("authority")), "application/pkix-crl")

    async def arl(self, request: Request) -> Response:
        return _found(await list_file(self._smki, ARL, request.path_params.get("authority")), "application/pkix-crl")

    async def delta(self, request: Request) -> Response:
        try:
            day = date.fromisoformat(request.path_params["day"])
        except ValueError:
            return problem.response(400, "a day is written YYYY-MM-DD", code="BAD_DAY")
        return _zip(await delta_zip(self._smki, day))

    async def full(self, _request: Request) -> Response:
        return _zip(await full_zip(self._smki))

    async def policy(self, request: Request) -> Response:
        return _found(policy_document(request.path_params["name"]), "text/markdown; charset=utf-8")


def _found(content: bytes | None, media_type: str) -> Response:
    if content is None:
        return problem.response(404, "the repository has no such file", code="NOT_FOUND")
    return Response(content, media_type=media_type)


def _zip(content: bytes) -> Response:
    return Response(content, media_type="application/zip")
