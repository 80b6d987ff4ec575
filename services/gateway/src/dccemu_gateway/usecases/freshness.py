"""Hearing what the repository has told by now, before something is refused for want of a certificate.

Facts of other services come a moment later than what is signed with them, and after a start much later.
"""

from __future__ import annotations

import asyncio

from dccemu_contracts.smki import CertificateFact
from dccemu_runtime.bus import BusUnavailable
from dccemu_runtime.projections import Projection

_AGAIN_SECONDS = 0.2


class Freshness:
    """How much the gateway knows of the repository's certificates."""

    def __init__(self, certificates: Projection[CertificateFact]) -> None:
        self._certificates = certificates
        self._waiting = 0

    async def hear_all(self, patience: float, *, among: int | None = None) -> bool:
        """Wait until every certificate told by now is known.

        Parameters
        ----------
        patience
            Seconds to wait at most; then False.
        among
            How many may wait at once; False at once for one more: a client must not make others wait.
        """
        if among is not None and self._waiting >= among:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(patience):
                while True:
                    try:
                        await self._certificates.up_to_date()
                        return True
                    except BusUnavailable:
                        await asyncio.sleep(_AGAIN_SECONDS)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
