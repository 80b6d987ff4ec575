"""Waiting until the gateway knows a Device's new state, or a User has got an Alert."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import cast

from dccemu_contracts.story import AwaitStep
from dccemu_protocol.duis import DuisResponse
from dccemu_sdk.admin import AdminClient
from dccemu_sdk.errors import GatewayError
from dccemu_sdk.user import User

from .paths import Json, at
from .telling import Told

POLL_SECONDS = 0.02


class Watch:
    """Looks until something is so, or time is over.

    Parameters
    ----------
    admin
        The admin port.
    user
        Gives a User by EUI.
    patience
        Seconds that are added to every wait.
    """

    def __init__(self, admin: AdminClient, user: Callable[[str], User], *, patience: float = 0.0) -> None:
        self._admin = admin
        self._patience = patience
        self._user = user
        self._used: set[str] = set()

    def wait(self, step: AwaitStep) -> Told:
        """Wait; what was waited for is one line."""
        told = Told(whole={"wait": step.model_dump(mode="json", exclude_defaults=True)})
        if step.device is not None:
            missing, shown = self._device_differs, f"= {step.device} {_wanted(step)}"
        elif step.user is not None and step.alert is not None:
            missing, shown = self._alert_missing, f"= {step.user} got Alert {step.alert}"
        else:
            return told.fail("the step names neither a Device nor a User's Alert")
        deadline = time.monotonic() + step.within + self._patience
        while detail := missing(step):
            if time.monotonic() > deadline:
                return told.fail(f"after {step.within:g} s: {detail}")
            time.sleep(POLL_SECONDS)
        told.lines.append(shown)
        return told

    def _device_differs(self, step: AwaitStep) -> str:
        # The gateway's own copy: what the next request will be judged by.
        try:
            record = self._admin.call("GET", f"/admin/gateway/records/{step.device}")
        except GatewayError as error:
            return str(error)
        if step.status is not None and at(record, "status") != step.status:
            return f"{step.device} is {at(record, 'status')}, not {step.status}"
        for place, wanted in step.where.items():
            found = at(record, place)
            if found != wanted:
                return f"{place} of {step.device} is {found!r}, not {wanted!r}"
        return ""

    def _alert_missing(self, step: AwaitStep) -> str:
        """Find a DCC Alert of that code that no earlier step has waited for."""
        assert step.user is not None
        receiver = self._user(step.user).receiver
        assert receiver is not None
        for answer in receiver.responses:
            identity = f"{step.user} {answer.response_id}"
            if answer.alert_code == step.alert and identity not in self._used and _fits(answer, step.where):
                self._used.add(identity)
                return ""
        return f"{step.user} has no Alert {step.alert}"


def _wanted(step: AwaitStep) -> str:
    parts = [f"is {step.status}"] if step.status is not None else []
    return " and ".join([*parts, *(f"has {place} {wanted}" for place, wanted in step.where.items())])


def _fits(answer: DuisResponse, where: Mapping[str, Json]) -> bool:
    return all(at(cast(Json, answer.content), place) == wanted for place, wanted in where.items())
