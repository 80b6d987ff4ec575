"""A Device to try Commands on, with keys and cells of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.respond import DeviceFacts, Draft, Occasion, Value, rules_of, switch_on
from dccemu_protocol.gbcs.respond.keys import scalar_of

AT = datetime(2015, 1, 1, tzinfo=UTC)
TYPES = {
    "00db1234567890a0": "ESME",
    "00db1234567890a1": "GSME",
    "00db1234567890a2": "CHF",
    "00db1234567890a3": "GPF",
    "00db1234567890a4": "PPMID",
    "00db1234567890a5": "HCALCS",
    "00db1234567890a6": "SAPC",
}
ROLES = {
    "90b3d51f30000001": 1,
    "90b3d51f30000002": 4,
    "90b3d51f30000004": 5,
    "90b3d51f30000007": 6,
    "90b3d51f30010000": 2,
    "90b3d51f30010008": 8,
    "90b3d51f30020000": 3,
    "90b3d51f30030000": 2,
}
_CELLS = {
    0: ("keyCertSign/0",),
    1: ("digitalSignature/0",),
    2: ("digitalSignature/0", "keyAgreement/0", "keyAgreement/1"),
    3: ("digitalSignature/0", "keyAgreement/0"),
    4: ("digitalSignature/0", "keyAgreement/0"),
    5: ("digitalSignature/0",),
    6: ("digitalSignature/0",),
    8: ("digitalSignature/0", "keyAgreement/0"),
}


class Bench:
    """A Device and those who talk to it; every key is made here."""

    def __init__(self, eui: str = "00db1234567890a0", at: datetime = AT) -> None:
        self.at = at
        installed = times.seconds_since_2000(datetime(2014, 12, 1, tzinfo=UTC))
        self.facts = DeviceFacts(
            eui,
            TYPES[eui],
            variant="A",
            manufacturer="AB01",
            model="010A030B",
            firmware="0002012f",
            installed=installed,
            dated=False,
        )
        self.stored: dict[str, Value] = {}
        self.private: dict[tuple[int, str], ec.EllipticCurvePrivateKey] = {}
        draft = self.draft()
        self.own = {usage: ec.generate_private_key(ec.SECP256R1()) for usage in ("digitalSignature", "keyAgreement")}
        for usage, key in self.own.items():
            draft.put(f"key/{usage}", scalar_of(key))
        switch_on(self.facts, draft)
        self.keep(draft)

    def draft(self) -> Draft:
        return Draft(self.stored)

    def keep(self, draft: Draft) -> None:
        for name, value in draft.changes.items():
            if value is None:
                self.stored.pop(name, None)
            else:
                self.stored[name] = value

    def hold(self, role: int, eui: str, certificate: Callable[[str, str, str], bytes | None]) -> None:
        """Fill the cells of a role with what ``certificate`` gives for (EUI, usage, cell usage)."""
        for suffix in _CELLS[role]:
            usage, cell_usage = suffix.split("/")
            der = certificate(eui, usage, cell_usage)
            self.stored[f"cell/{role}/{suffix}"] = {"eui": eui, "ski": "00" * 8, "der": (der or b"").hex()}

    def occasion(self, command: GbcsMessage, role: int, draft: Draft | None = None) -> Occasion:
        rules = rules_of(command.message_code)
        assert rules is not None
        return Occasion(
            command,
            rules,
            self.facts,
            self.draft() if draft is None else draft,
            self.at,
            role,
            lambda: ec.generate_private_key(ec.SECP256R1()),
        )


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench


@pytest.fixture(scope="session")
def roles_by_eui() -> dict[str, int]:
    return ROLES
