"""Playing a story: each step as the User concerned, over HTTP, with what must come of it checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from dccemu_contracts.scenario import Scenario
from dccemu_contracts.story import AdminStep, AwaitStep, SendStep, StoryStep
from dccemu_protocol.duis import DuisResponse
from dccemu_protocol.pki import SmkiCertificate, parse_pem
from dccemu_sdk.errors import GatewayError
from dccemu_sdk.session import Dcc
from dccemu_sdk.user import User

from .filling import Filling, Json, duration

Echo = Callable[[str], None]
_POLL_SECONDS = 0.02


class StoryFailed(Exception):
    """A step did not come out as the story says."""

    def __init__(self, number: int, step: StoryStep, detail: str) -> None:
        super().__init__(f"step {number}{f' ({step.say})' if step.say else ''}: {detail}")
        self.number = number


class Player:
    """Plays the story of a scenario on a running suite.

    Parameters
    ----------
    dcc
        The suite and the Users' keys.
    scenario
        With its story.
    echo
        Called with each line to show.
    """

    def __init__(self, dcc: Dcc, scenario: Scenario, echo: Echo = print) -> None:
        self._dcc = dcc
        self._scenario = scenario
        self._echo = echo
        self._users: dict[str, User] = {}
        self._alerts_used: set[str] = set()
        self.kept: dict[str, str] = {}
        self._filling = Filling(dcc.store, self._issuers, self._now, self.kept)

    def play(self) -> int:
        """Play every step; gives how many there were.

        Raises
        ------
        StoryFailed
            At the first step that comes out otherwise.
        """
        for party in self._scenario.parties:
            for user in party.users:
                # Every User listens from the beginning: others' steps may tell it something.
                if user.gateway_user and {"IS", "ES", "GS", "ED", "GT", "RSA", "OU"} & set(user.statuses):
                    self._user(user.user)
        for number, step in enumerate(self._scenario.story, start=1):
            if step.say:
                self._echo(f"{number:3d}  {step.say}")
            failure = self._step(step)
            if failure:
                raise StoryFailed(number, step, failure)
        return len(self._scenario.story)

    def _step(self, step: StoryStep) -> str | None:
        if step.send is not None:
            return self._send(step.send)
        if step.admin is not None:
            return self._admin(step.admin)
        if step.wait is not None:
            return self._wait(step.wait)
        if step.advance is not None:
            self._dcc.admin.advance(duration(step.advance).total_seconds())
        return None

    def _user(self, eui: str) -> User:
        if eui not in self._users:
            self._users[eui] = self._dcc.user(eui)
        return self._users[eui]

    def _now(self) -> datetime:
        return datetime.fromisoformat(str(self._dcc.admin.clock()["now"]))

    def _issuers(self) -> list[SmkiCertificate]:
        listed = self._dcc.admin.call("GET", "/admin/smki/authorities")
        return [parse_pem(str(one["pem"]).encode()) for one in cast(list[dict[str, Json]], listed)]

    # -- requests -----------------------------------------------------------------------------------------------------

    def _send(self, step: SendStep) -> str | None:
        target = step.target or self._scenario.dcc.broker
        body = cast(dict[str, Json], dict(step.body))
        if step.execute is not None:
            name, content = next(iter(body.items()))
            first: dict[str, Json] = {"ExecutionDateTime": self._instant(step.execute)}
            body = {name: {**first, **cast(dict[str, Json], content or {})}}
        document = self._filling.document(step.as_user, target, step.srv, step.command_variant, body)
        outcome = self._user(step.as_user).send(document, local=step.signed_variant == 6, timeout=30)
        codes = " ".join(answer.response_code for answer in outcome.answers)
        self._echo(f"     {step.srv} from {step.as_user} to {target}: {codes}")
        if step.synchronous is not None and outcome.answers[0].response_code != step.synchronous:
            return f"answered {codes}, the HTTP reply should be {step.synchronous}"
        if outcome.code != step.expect and {outcome.code, step.expect} != {"I0", "I99"}:
            return f"answered {codes}, should be {step.expect}: {self._why(str(outcome.request_id))}"
        described = self._dcc.describe(outcome)[-1] if step.keep else {}
        for name, path in step.keep.items():
            self.kept[name] = str(_at(cast(Json, described), path))
        return None

    def _instant(self, text: str) -> Json:
        return {"$now": text} if text.lstrip("-").startswith("P") else text

    def _why(self, request_id: str) -> str:
        """What the journal says of a refusal."""
        for entry in self._dcc.admin.journal(request_id=request_id):
            checks = cast(list[dict[str, Json]], entry.get("checks") or [])
            for check in checks:
                if not check.get("passed"):
                    return f"{check.get('rule')}: expected {check.get('expected')}, got {check.get('got')}"
        return "the journal says no more"

    # -- admin --------------------------------------------------------------------------------------------------------

    def _admin(self, step: AdminStep) -> str | None:
        path = self._filling.text(step.path)
        body = self._filling.value(cast(Json, step.json_body)) if step.json_body is not None else None
        try:
            answer = self._dcc.admin.call(step.method, path, body)
            status = 200
        except GatewayError as error:
            answer, status = None, error.status
            if step.expect < 400:
                return f"{step.method} {path}: {error}"
        self._echo(f"     {step.method} {path}")
        if step.expect >= 400 and status != step.expect:
            return f"{step.method} {path} answered {status}, should be {step.expect}"
        for place, wanted in step.check.items():
            found = _at(answer, place)
            if found != wanted:
                return f"{path}: {place} is {found!r}, should be {wanted!r}"
        for name, place in step.keep.items():
            self.kept[name] = str(_at(answer, place))
        return None

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _wait(self, step: AwaitStep) -> str | None:
        deadline = time.monotonic() + step.within
        detail = "nothing to wait for"
        while True:
            if step.device is not None:
                detail = self._device_differs(step)
            elif step.user is not None and step.alert is not None:
                detail = "" if self._alert(step) else f"{step.user} has no Alert {step.alert}"
            if not detail:
                shown = f"{step.device} is {step.status}" if step.device else f"{step.user} got Alert {step.alert}"
                self._echo(f"     {shown}")
                return None
            if time.monotonic() > deadline:
                return f"after {step.within} s: {detail}"
            time.sleep(_POLL_SECONDS)

    def _device_differs(self, step: AwaitStep) -> str:
        # The gateway's own copy: what the next request will be judged by.
        try:
            record = self._dcc.admin.call("GET", f"/admin/gateway/records/{step.device}")
        except GatewayError as error:
            return str(error)
        if step.status is not None and _at(record, "status") != step.status:
            return f"{step.device} is {_at(record, 'status')}, not {step.status}"
        for place, wanted in step.where.items():
            found = _at(record, place)
            if found != wanted:
                return f"{place} of {step.device} is {found!r}, not {wanted!r}"
        return ""

    def _alert(self, step: AwaitStep) -> bool:
        """Find a DCC Alert of that code that no earlier step has waited for."""
        receiver = self._user(cast(str, step.user)).receiver
        assert receiver is not None
        for answer in receiver.responses:
            identity = f"{step.user} {answer.response_id}"
            if answer.alert_code == step.alert and identity not in self._alerts_used and self._fits(answer, step.where):
                self._alerts_used.add(identity)
                return True
        return False

    def _fits(self, answer: DuisResponse, where: Mapping[str, object]) -> bool:
        return all(_at(cast(Json, answer.content), place) == wanted for place, wanted in where.items())


def _at(value: Json, path: str) -> Json:
    """Follow a dotted path through names and list places; nothing there is None."""
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.lstrip("-").isdigit() and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
