"""A User: fills in, signs and sends a Service Request, signs the Pre-Command, and waits for the Response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dccemu_protocol import catalogue
from dccemu_protocol.duis import DuisRequest, DuisResponse, parse_document, read_request
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.correlate import correlate as correlate_meaning
from dccemu_protocol.gbcs.envelope import CRA, decode
from dccemu_protocol.identifiers import Eui64, RequestId

from .counters import CounterSource
from .documents import address, has_fixed_counter, signed_pre_command
from .errors import NotCorrelated, SdkError
from .gateway import GatewayClient
from .identity import Identity
from .receiver import Receiver

Correlate = Callable[[DuisRequest, bytes], None]


@dataclass(slots=True)
class Outcome:
    """What became of one request: every Response in order of arrival, and the Command where one was returned."""

    request_id: RequestId
    answers: list[DuisResponse] = field(default_factory=list)

    @property
    def last(self) -> DuisResponse:
        return self.answers[-1]

    @property
    def code(self) -> str:
        """The response code that counts: the last one."""
        return self.last.response_code

    @property
    def payload(self) -> bytes | None:
        """The GBCS message of the last answer."""
        return self.last.gbcs_payload


def check_header(request: DuisRequest, pre_command: bytes) -> None:
    """The least a User does before it signs: the Pre-Command is for that Device, from that User, with that counter.

    ``check_meaning`` compares the content as well; hand this function to ``User`` to do without.

    Raises
    ------
    NotCorrelated
        When one of the three differs.
    """
    message = decode(pre_command)
    found = RequestId(message.originator, message.target, message.counter)
    if message.cra is not CRA.COMMAND or found != request.request_id:
        raise NotCorrelated(f"the Pre-Command is for {found}, the request was {request.request_id}")


def check_meaning(request: DuisRequest, pre_command: bytes) -> None:
    """What a User does before it signs: the Pre-Command means what the Service Request asks for, value by value.

    Raises
    ------
    NotCorrelated
        At the first difference, which it names, or when the two cannot be compared.
    """
    try:
        found = correlate_meaning(request, pre_command)
    except ProtocolError as error:
        raise NotCorrelated(f"the Pre-Command cannot be compared with the request: {error}") from error
    if found.difference is not None:
        raise NotCorrelated(f"the Pre-Command differs from the request: {found.difference}")


class User:
    """One User ID at work.

    Parameters
    ----------
    identity
        Its keys.
    gateway
        Where to send.
    receiver
        Its Receive Response Service; without one, asynchronous answers cannot be waited for.
    counters
        Source of RequestID counters.
    correlate
        Called with the request and the Pre-Command before that is signed; raises to refuse. As a rule the whole
        meaning is compared (``check_meaning``).
    """

    def __init__(
        self,
        identity: Identity,
        gateway: GatewayClient,
        receiver: Receiver | None = None,
        *,
        counters: CounterSource | None = None,
        correlate: Correlate = check_meaning,
    ) -> None:
        self.identity = identity
        self.gateway = gateway
        self.receiver = receiver
        self.counters = counters if counters is not None else CounterSource()
        self._correlate = correlate

    def prepare(
        self,
        document: bytes,
        *,
        target: str | None = None,
        command_variant: int | None = None,
        keep_counter: bool = False,
    ) -> bytes:
        """Make a template this User's own: originator, a new counter, and a signature."""
        request = read_request(parse_document(document))
        keep = keep_counter or has_fixed_counter(request)
        filled = address(
            document,
            originator=self.identity.eui,
            target=None if target is None else Eui64.parse(target),
            counter=None if keep else self.counters.next(),
            command_variant=command_variant,
        )
        return self.identity.sign_document(filled)

    def send(
        self,
        document: bytes,
        *,
        target: str | None = None,
        command_variant: int | None = None,
        keep_counter: bool = False,
        local: bool = False,
        wait: bool = True,
        answers: int = 1,
        timeout: float = 30.0,
    ) -> Outcome:
        """Send a request all the way.

        Parameters
        ----------
        document
            A template or request, signed or not; it is signed again.
        command_variant
            Replaces the one in the document; 4 goes on to the Signed Pre-Command by itself.
        local
            Ask for the Command of a critical request for local delivery (CV 6) instead of sending it (CV 5).
        wait
            Wait for the asynchronous Response where one is to come.
        answers
            How many asynchronous documents to wait for (future dated requests get more than one).

        Raises
        ------
        GatewayError, NotCorrelated, NoAnswer
        """
        signed = self.prepare(document, target=target, command_variant=command_variant, keep_counter=keep_counter)
        request = read_request(parse_document(signed))
        outcome = Outcome(request.request_id)
        outcome.answers.append(self.gateway.submit(signed, request.command_variant))
        sent_variant = request.command_variant
        if outcome.last.kind == "PreCommand":
            sent_variant = 6 if local else 5
            outcome.answers.append(self.sign_and_submit(request, outcome.last, sent_variant))
        if wait and self._is_awaited(outcome.last, sent_variant):
            outcome.answers += self.wait(request.request_id, count=answers, timeout=timeout)
        return outcome

    def sign_and_submit(self, request: DuisRequest, pre_command: DuisResponse, command_variant: int) -> DuisResponse:
        """Correlate and sign a Pre-Command, and send it back.

        Raises
        ------
        NotCorrelated
            When the Pre-Command does not mean what was asked for.
        """
        payload = pre_command.gbcs_payload
        if payload is None:
            raise SdkError("the Pre-Command holds no GBCS message")
        self._correlate(request, payload)
        unsigned = signed_pre_command(request, self.identity.sign_pre_command(payload), command_variant)
        return self.gateway.submit(self.identity.sign_canonical(unsigned), command_variant)

    @staticmethod
    def _is_awaited(answer: DuisResponse, command_variant: int) -> bool:
        return answer.is_acknowledgement and command_variant in catalogue.WAN_VARIANTS

    def wait(self, request_id: RequestId, *, count: int = 1, timeout: float = 30.0) -> list[DuisResponse]:
        """Wait for asynchronous Responses to a request.

        Raises
        ------
        SdkError
            Without a receiver.
        NoAnswer
            When they do not come in time.
        """
        if self.receiver is None:
            raise SdkError("this User has no Receive Response Service to wait at")
        return self.receiver.wait(request_id, count=count, timeout=timeout)
