"""Take a document from a web service: check it, have it carried out, answer.

The way is the same for every request (architecture.md, "How a request walks through"): the table of rules up to where
history is needed, the history, the rest of the table, then the use case that its Command Variant and service name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from dccemu_protocol import catalogue
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, AlreadyClaimed, Overloaded, StoreUnavailable, Unit, Write

from ..domain.anomaly import Passage
from ..domain.examination import Examination
from ..domain.refusal import Failure, Verdict
from ..domain.rules import ADMISSION, RULES, SUBSTANCE, run
from ..domain.rules.form import not_repeated
from ..domain.rules.table import code_of, failure_of
from .anomaly import Detection
from .answers import Reply, acknowledge, answered_of
from .freshness import Freshness
from .gateway import Gateway
from .history import History
from .journalling import accepted, entry_of
from .quarantine import Quarantine, failed_anomaly

log = structlog.get_logger(__name__)

Handler = Callable[[Examination, Write], Awaitable[Reply]]
TRANSFORM_STEP = "transformation"
_UNKNOWN_SIGNER = "SIGNATURE_SIGNER_UNKNOWN"
# Seconds that a request waits for a certificate on its way, and how many may wait at once.
_PATIENCE = 1.0
_PATIENT_CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Handlers:
    """The use case for each kind of accepted request."""

    pre_command: Handler
    send: Handler
    non_device: Handler
    change_of_supplier: Handler

    def choose(self, examination: Examination) -> Handler:
        request, variant = examination.submitted, examination.service_request
        if variant.non_device:
            return self.non_device
        if request.command_variant == 4:
            return self.pre_command
        return self.change_of_supplier if variant.srv == "6.23" else self.send


class Submit:
    """The use case behind the three web services."""

    def __init__(
        self,
        gateway: Gateway,
        history: History,
        handlers: Handlers,
        detection: Detection,
        quarantine: Quarantine,
        freshness: Freshness,
    ) -> None:
        self._gateway = gateway
        self._history = history
        self._handlers = handlers
        self._detection = detection
        self._quarantine = quarantine
        self._freshness = freshness

    async def __call__(self, document: bytes, service: str, peer: str | None) -> Reply:
        """Answer one document.

        Parameters
        ----------
        service
            ``T``, ``S`` or ``D``.
        peer
            The Party of the TLS client certificate; None on plain HTTP.
        """
        examination = self._examination(document, service, peer)
        verdict = run(examination, ADMISSION)
        if await self._may_be_too_early(verdict):
            examination = self._examination(document, service, peer)
            verdict = run(examination, ADMISSION)
        if verdict.failure is not None:
            return await self.refuse(examination, verdict)
        try:
            await self._history.recall(examination)
            verdict = run(examination, SUBSTANCE)
            if verdict.failure is not None:
                return await self.refuse(examination, Verdict(len(ADMISSION) + verdict.passed, verdict.failure))
            return await self._carry_out(examination)
        except (Overloaded, StoreUnavailable) as error:
            return Reply(503, rule="OVERLOADED", detail=str(error))
        except CONNECTION_TROUBLE as error:
            return Reply(503, rule="OVERLOADED", detail=f"the database is away: {type(error).__name__}")

    async def _may_be_too_early(self, verdict: Verdict) -> bool:
        """Whether the certificate that signed was unknown, and those told of by now are known since."""
        failure = verdict.failure
        is_unknown = failure is not None and failure.rule == _UNKNOWN_SIGNER
        return is_unknown and await self._freshness.hear_all(_PATIENCE, among=_PATIENT_CLIENTS)

    def _examination(self, document: bytes, service: str, peer: str | None) -> Examination:
        gateway = self._gateway
        return Examination(
            document=document,
            service=service,
            peer=peer,
            at=gateway.now(),
            directory=gateway.directory,
            policy=gateway.policy,
            validate=gateway.validate,
            outlines=gateway.outlines,
        )

    async def _carry_out(self, examination: Examination) -> Reply:
        self._gateway.versions[examination.user_text] = examination.schema_version
        passage = self._detection.enter(examination)
        try:
            reply = await self._handle(examination, passage)
        except AlreadyClaimed:
            self._detection.give_back(passage)
            examination.is_repeat = True
            self._history.note_repeat(examination)
            place = next(place for place, rule in enumerate(RULES) if rule.check is not_repeated)
            return await self.refuse(examination, Verdict(place, run(examination, RULES[place : place + 1]).failure))
        except ProtocolError as error:
            self._detection.give_back(passage)
            return await self.refuse(examination, Verdict(len(RULES), _step_failure(error)))
        except Overloaded:
            self._detection.give_back(passage)
            raise
        except BaseException:
            self._detection.doubt(passage)
            raise
        self._detection.settle(passage)
        return reply

    async def _handle(self, examination: Examination, passage: Passage | None) -> Reply:
        """Carry an acceptable request out, or quarantine it (check 25)."""
        if passage is not None and passage.breach is not None:
            entry = entry_of(self._gateway, examination, Verdict(len(RULES)), "quarantined")
            entry = replace(entry, checks=(failed_anomaly(passage.breach),))
            return await self._quarantine.take(examination, passage.breach, self._gateway.journal.write(entry))
        return await self._handlers.choose(examination)(examination, accepted(self._gateway, examination, passage))

    async def refuse(self, examination: Examination, verdict: Verdict) -> Reply:
        """Answer a failure: a Response with its code, or an HTTP status where there is nobody to answer."""
        failure = verdict.failure
        assert failure is not None
        entry = entry_of(self._gateway, examination, verdict, f"refused {failure.code or failure.rule}")
        try:
            await self._gateway.commit(Unit(writes=(self._gateway.journal.write(entry),)))
        except (Overloaded, StoreUnavailable) as error:
            log.warning("a refusal could not be journalled", rule=failure.rule, error=str(error))
        detail = f"{failure.rule}: expected {failure.expected}, got {failure.got}"
        if not failure.code:
            return Reply(catalogue.http_status(failure.rule), rule=failure.rule, detail=detail)
        answered = answered_of(examination)
        if answered is None:
            return Reply(400, rule=failure.rule, detail=detail)
        return acknowledge(answered, failure.code, examination.at)


def _step_failure(error: ProtocolError) -> Failure:
    """The evidence of a step after the table: transformation, or a handler's own rule."""
    return Failure(
        number="",
        check=TRANSFORM_STEP,
        rule=error.rule,
        clause=error.source or "service-request-processing.md 7, step 2",
        expected="a request that can be carried out for this Device",
        got=error.detail,
        place=error.place,
        code=code_of(error.rule, otherwise="CANNOT_TRANSFORM"),
    )


__all__ = ["EmulatorError", "Handlers", "Submit", "failure_of"]
