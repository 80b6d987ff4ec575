"""Playing a story: each step as the User concerned, over HTTP, with what must come of it checked."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from dccemu_contracts.scenario import Scenario
from dccemu_contracts.story import AdminStep, CertifyStep, SendStep, StoryStep
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import SmkiCertificate, parse_pem
from dccemu_sdk.decode import describe
from dccemu_sdk.errors import SdkError
from dccemu_sdk.session import Dcc
from dccemu_sdk.smki import Directory
from dccemu_sdk.user import Outcome, User

from .device_csr import certify
from .filling import Filling, duration
from .paths import Json, at
from .patience import admin_answer, outcome_of
from .telling import Silent, Summary, Teller, Told, answer_line, refusal_line, short
from .waiting import POLL_SECONDS, Watch

_LISTENERS = frozenset({"IS", "ES", "GS", "ED", "GT", "RSA", "OU"})


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
    teller
        Hears of each step.
    """

    def __init__(self, dcc: Dcc, scenario: Scenario, teller: Teller | None = None) -> None:
        self._dcc = dcc
        self._scenario = scenario
        self._teller = teller if teller is not None else Silent()
        self._users: dict[str, User] = {}
        self._directory = dcc.directory
        self._watch = Watch(dcc.admin, self._user, patience=dcc.patience or 0.0)
        self.kept: dict[str, str] = {}
        self._filling = Filling(dcc.store, self._issuers, self._now, self.kept)

    def play(self) -> Summary:
        """Play every step.

        Raises
        ------
        StoryFailed
            At the first step that comes out otherwise.
        """
        for party in self._scenario.parties:
            for user in party.users:
                # Every User listens from the beginning: others' steps may tell it something.
                if user.gateway_user and _LISTENERS & set(user.statuses):
                    self._user(user.user)
        chapter, chapters, began = "", dict[str, float](), time.monotonic()
        for number, step in enumerate(self._scenario.story, start=1):
            chapter = step.chapter or chapter
            at_step = time.monotonic()
            self._teller.begin(number, chapter, step.say)
            told = self._step(step)
            taken = time.monotonic() - at_step
            chapters[chapter] = chapters.get(chapter, 0.0) + taken
            self._teller.end(number, told, taken)
            if told.failure is not None:
                raise StoryFailed(number, step, told.failure)
        summary = Summary(len(self._scenario.story), time.monotonic() - began, chapters)
        self._teller.close(summary)
        return summary

    def _step(self, step: StoryStep) -> Told:
        try:
            if step.send is not None:
                return self._send(step.send)
            if step.admin is not None:
                return self._admin(step.admin)
            if step.certify is not None:
                return self._certify(step.certify)
            if step.wait is not None:
                return self._watch.wait(step.wait)
            if step.advance is not None:
                now = self._dcc.admin.advance(duration(step.advance).total_seconds())["now"]
                return Told([f"= the Clock shows {now}"], {"advance": step.advance, "now": now})
        except (SdkError, ProtocolError) as error:
            return Told().fail(str(error))
        return Told()

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

    def _send(self, step: SendStep) -> Told:
        target = step.target or self._scenario.dcc.broker
        body = cast(dict[str, Json], dict(step.body))
        if step.execute is not None:
            name, content = next(iter(body.items()))
            first: dict[str, Json] = {"ExecutionDateTime": _instant(step.execute)}
            body = {name: {**first, **cast(dict[str, Json], content or {})}}
        body = cast(dict[str, Json], self._filling.value(body))
        document = self._filling.document(step.as_user, target, step.srv, step.command_variant, body)
        told = Told([f"> {step.srv} as {step.as_user} to {target if step.target else 'the DCC'}: {short(body)}"])
        told.whole = {"send": {"as": step.as_user, "to": target, "srv": step.srv, "document": document.decode()}}
        outcome = outcome_of(self._user(step.as_user), step, document)
        answers = [cast(dict[str, Json], describe(answer, self._directory)) for answer in outcome.answers]
        told.whole |= {"request_id": str(outcome.request_id), "answers": cast(Json, answers)}
        told.lines += [answer_line(answer) for answer in answers]
        why = self._why(outcome) if outcome.last.is_error else None
        if why:
            told.lines.append(f"  {why}")
        told.failure = _differs(step, [str(answer["code"]) for answer in answers], why) or _not_genuine(answers)
        for name, path in step.keep.items() if told.failure is None else ():
            self._keep(told, name, answers[-1], path)
        return told

    def _why(self, outcome: Outcome) -> str | None:
        """What the journal says of a refusal."""
        for entry in self._dcc.admin.journal(request_id=str(outcome.request_id)):
            found = refusal_line(cast(list[Mapping[str, Json]], entry.get("checks") or []))
            if found is not None:
                return found
        return None

    def _keep(self, told: Told, name: str, answer: Json, path: str) -> None:
        found = at(answer, path)
        if found is None or isinstance(found, dict | list):
            told.fail(f"there is no text at {path} of the answer to keep as {name}: {short(answer)}")
            return
        self.kept[name] = str(found)

    # -- the world around the gateway ---------------------------------------------------------------------------------

    def _admin(self, step: AdminStep) -> Told:
        path = self._filling.text(step.path)
        body = self._filling.value(cast(Json, step.json_body)) if step.json_body is not None else None
        told = Told([f"> {step.method} {path}{'' if body is None else f' {short(body)}'}"])
        told.whole = {"admin": {"method": step.method, "path": path, "json": body}}
        deadline = time.monotonic() + step.within
        while True:
            answer, status, is_done = admin_answer(self._dcc.admin, step, path, body, self._dcc.patience or 0.0)
            wrong = None if is_done else _admin_differs(step, path, answer, status)
            if wrong is None or time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        told.whole["answer"] = answer
        if wrong is not None or is_done:
            return told if wrong is None else told.fail(wrong)
        told.lines += [f"< {place} is {wanted}" for place, wanted in step.check.items()]
        for name, place in step.keep.items():
            self._keep(told, name, answer, place)
        return told

    def _certify(self, step: CertifyStep) -> Told:
        if step.csr not in self.kept:
            return Told().fail(f"nothing was kept as {step.csr!r}")
        request = bytes.fromhex(self.kept[step.csr])
        certificate = certify(self._dcc.state.smki, step.party, request)
        self.kept[step.keep] = base64.b64encode(certificate).decode()
        # The Device has another key from now on: what is known of its certificates is out of date.
        self._directory = Directory(self._dcc.store, self._dcc.repository)
        lines = [
            f"> {step.party} to the SMKI: a signing request of {len(request)} octets",
            f"< SUCCESS: a certificate of {len(certificate)} octets",
        ]
        return Told(lines, {"certify": {"party": step.party}, "certificate": self.kept[step.keep]})


def _instant(text: str) -> Json:
    return {"$now": text} if text.lstrip("-").startswith("P") else text


def _differs(step: SendStep, codes: list[str], why: str | None) -> str | None:
    if step.synchronous is not None and codes[0] != step.synchronous:
        return f"answered {' '.join(codes)}, the HTTP reply should be {step.synchronous}"
    if codes[-1] != step.expect and {codes[-1], step.expect} != {"I0", "I99"}:
        return f"answered {' '.join(codes)}, should be {step.expect}: {why or 'the journal says no more'}"
    return None


def _admin_differs(step: AdminStep, path: str, answer: Json, status: int) -> str | None:
    if (status if status >= 400 else 200) != (step.expect if step.expect >= 400 else 200):
        return f"{step.method} {path} answered {status}, should be {step.expect}: {short(answer)}"
    for place, wanted in step.check.items():
        found = at(answer, place)
        if found != wanted:
            return f"{path}: {place} is {found!r}, should be {wanted!r}"
    return None


def _not_genuine(answers: list[dict[str, Json]]) -> str | None:
    """What a User would notice: a Device's message that is not what it seems."""
    for answer in answers:
        for name in ("mac", "signature"):
            if at(answer, f"gbcs.{name}") == "invalid":
                return f"the {name} of the GBCS message in the answer is invalid"
    return None
