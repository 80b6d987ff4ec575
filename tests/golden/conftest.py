"""The published pairs of Service Request and GBCS message, and a transformation of the former into the latter."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from dccemu.commands import gbcs_inputs as inputs
from dccemu_protocol.duis.document import parse_document
from dccemu_protocol.duis.request import DuisRequest, read_request
from dccemu_protocol.gbcs import der
from dccemu_protocol.gbcs.crypto import add_mac, shared_secret, sign
from dccemu_protocol.gbcs.der_types import Certificate, JoinDevice, UpdateSecurityCredentials
from dccemu_protocol.gbcs.envelope import GbcsMessage, decode
from dccemu_protocol.gbcs.transform import Transformed, transform
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki.keystore import Keystore, load
from dccemu_protocol.pki.names import RemotePartyRole, Usage

VECTORS = Path(os.environ.get("DCCEMU_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")
CORRECTIONS = Path(__file__).with_name("corrections.json")
CLOCK = "2015-01-01T00:00:00Z"
CIN = "1234"
_CERTIFICATE = re.compile(
    r"(<sr:(?:\w*Certificate|KAPublicSecurityCredentials)>)[A-Za-z0-9+/=\s]+(</sr:(?:\w*Certificate|KAPublicSecurityCredentials)>)"
)


def pairs() -> Iterator[tuple[str, str]]:
    """Stem and kind of every request that a message is open for: the Pre-Command where there is one."""
    if not (VECTORS / "duis").is_dir():
        return
    messages = {path.name for path in (VECTORS / "rtds").glob("*/*.HEX")}
    for path in sorted((VECTORS / "duis").glob("*_REQUEST_DUIS.XML")):
        stem = inputs.stem_of(path)
        for kind in "PRECOMMAND", "COMMAND":
            if f"{stem}_{kind}_GBCS.HEX" in messages:
                yield stem, kind
                break


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise over the pairs, and over the Pre-Commands whose Command is open too."""
    skipped = pytest.param("", "", marks=pytest.mark.skip(reason=f"no reference vectors in {VECTORS}"))
    if "pair_stem" in metafunc.fixturenames:
        found = list(pairs())
        metafunc.parametrize(
            ("pair_stem", "kind"), found or [skipped], ids=[f"{one}-{kind}" for one, kind in found] or None
        )
    if "signed_stem" in metafunc.fixturenames:
        stems = sorted(
            path.name.removesuffix("_PRECOMMAND_GBCS.HEX")
            for path in (VECTORS / "rtds").glob("*/*_PRECOMMAND_GBCS.HEX")
            if path.with_name(path.name.replace("_PRECOMMAND_", "_COMMAND_")).exists()
        )
        nothing = pytest.param("", marks=pytest.mark.skip(reason=f"no reference vectors in {VECTORS}"))
        metafunc.parametrize("signed_stem", stems or [nothing])


@dataclass
class Reference:
    """The reference data, read once."""

    folder: Path

    @cached_property
    def messages(self) -> dict[str, Path]:
        return {path.name: path for path in (self.folder / "rtds").glob("*/*.HEX")}

    @cached_property
    def keystore(self) -> Keystore:
        return load(self.folder / "keystore.json")

    @cached_property
    def parties(self) -> inputs.Parties:
        return inputs.Parties.of(self.keystore)

    @cached_property
    def inventory(self) -> inputs.Inventory:
        return inputs.Inventory.of(inputs.read_object(self.folder / "stem-devices.json", "--devices"))

    @cached_property
    def counters(self) -> dict[str, dict[str, object]]:
        return inputs.read_object(self.folder / "role-counters.json", "--role-counters")

    @cached_property
    def corrections(self) -> dict[str, dict[str, object]]:
        return {one["stem"]: one for one in json.loads(CORRECTIONS.read_text("utf-8"))["corrections"]}

    def octets(self, stem: str, kind: str) -> bytes:
        """A published message."""
        return bytes.fromhex(self.messages[f"{stem}_{kind}_GBCS.HEX"].read_text("ascii").strip())

    def request(self, stem: str, wanted: GbcsMessage | None = None) -> DuisRequest:
        """A published request, corrected to what the message says."""
        text = (self.folder / "duis" / f"{stem}_REQUEST_DUIS.XML").read_text("utf-8")
        correction = self.corrections.get(stem, {}) if wanted is not None else {}
        for pattern, by in correction.get("replace", []):  # type: ignore[attr-defined]
            text, count = re.subn(pattern, by, text)
            assert count, f"the correction of {stem} changes nothing"
        if wanted is not None and correction.get("certificates"):
            issues = iter(certificates_in(wanted))
            text = _CERTIFICATE.sub(lambda found: found[1] + base64.b64encode(next(issues)).decode() + found[2], text)
        return read_request(parse_document(text.encode()))

    def transform(self, stem: str, wanted: GbcsMessage | None = None) -> tuple[DuisRequest, Transformed]:
        """Transform a published request as the gateway would at the time of the vectors."""
        request = self.request(stem, wanted)
        context = inputs.context_of(
            request, stem, inputs.instant(CLOCK), CIN, self.parties, self.inventory, self.counters
        )
        if wanted is not None and "certificates" in self.corrections.get(stem, {}):
            issues = certificates_in(wanted)
            if issues:
                context = context._replace(certificate=lambda eui, usage: issues[-1])
        return request, transform(request, context)

    def secret(self, device: Eui64) -> bytes:
        """Shared secret of the broker and a Device."""
        private = self.keystore.private_key(self.parties.broker, Usage.KEY_AGREEMENT)
        certificate = self.keystore.certificate(device, Usage.KEY_AGREEMENT)
        assert private is not None
        assert certificate is not None
        return shared_secret(private, certificate.public_key)

    def complete(self, made: Transformed) -> GbcsMessage:
        """Sign as the DCC role that signs and add the broker's MAC."""
        message = made.message
        if made.signer is not None:
            role = RemotePartyRole.TRANSITIONAL_COS if made.signer == "cos" else RemotePartyRole.ACCESS_CONTROL_BROKER
            key = self.keystore.private_key(message.originator, Usage.DIGITAL_SIGNATURE, role)
            assert key is not None
            message = sign(message, key)
        return add_mac(message, self.secret(message.target))


def certificates_in(message: GbcsMessage) -> list[bytes]:
    """The certificates a Command holds, in order."""
    if message.other.certificate is not None:
        return [message.other.certificate]
    if not der.is_der(message.message_code, message.cra):
        return []
    match der.decode(message.payload, message.message_code, message.cra):
        case UpdateSecurityCredentials(replacements=replacements, path=path):
            return [one.certificate.der for one in replacements] + [one.der for one in path]
        case JoinDevice(certificate=Certificate(octets)):
            return [octets]
        case _:
            return []


@pytest.fixture(scope="session")
def reference() -> Reference:
    if not VECTORS.is_dir():
        pytest.skip(f"no reference vectors in {VECTORS}")
    return Reference(VECTORS)


@pytest.fixture
def decoded() -> Callable[[bytes], GbcsMessage]:
    return decode
