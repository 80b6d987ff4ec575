"""Sending as a back office does: an exchange without an answer is repeated until the fate of the request is known.

The same signed document goes out again, so its RequestID is the same. When the repeat is refused as a duplicate (E45),
an earlier one had been taken: what comes asynchronously will come, what stood in the lost reply is gone.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from time import monotonic, sleep

import httpx

from dccemu_protocol import catalogue
from dccemu_protocol.duis import DuisResponse
from dccemu_protocol.xmldsig import SignerKeys

from .errors import AnswerLost, GatewayError
from .gateway import GatewayClient

DUPLICATE = "E45"
ACKNOWLEDGED = "I99"
_PAUSE_SECONDS = 0.1


class PatientGateway(GatewayClient):
    """A gateway client that repeats what got no answer: a broken connection, a time-out, or 503.

    Parameters
    ----------
    patience
        Seconds during which to repeat.
    """

    def __init__(
        self,
        url: str,
        signers: SignerKeys | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        patience: float = 60.0,
    ) -> None:
        super().__init__(url, signers, tls=tls, timeout=timeout)
        self._patience = patience
        self.repeats = 0

    def submit(self, document: bytes, command_variant: int) -> DuisResponse:
        """Send until the fate is known.

        Raises
        ------
        AnswerLost
            When the request was taken and the reply, which held its result, was lost.
        GatewayError, httpx.TransportError
            When patience is at its end.
        """
        deadline, lost = monotonic() + self._patience, False
        while True:
            try:
                answer = super().submit(document, command_variant)
            except (httpx.TransportError, GatewayError) as error:
                is_known = isinstance(error, GatewayError) and error.status != httpx.codes.SERVICE_UNAVAILABLE
                if is_known or monotonic() > deadline:
                    raise
                lost, self.repeats = True, self.repeats + 1
                sleep(_PAUSE_SECONDS)
                continue
            if not lost or answer.response_code != DUPLICATE:
                return answer
            taken = replace(answer, response_code=ACKNOWLEDGED)
            if command_variant in catalogue.WAN_VARIANTS:
                return taken
            raise AnswerLost(taken)
