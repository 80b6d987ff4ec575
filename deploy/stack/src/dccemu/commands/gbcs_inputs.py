"""What the offline GBCS tools are told besides requests: Devices, counters of DCC roles, keys, and stems of files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import typer

from dccemu_protocol.duis.request import DuisRequest
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.transform import ChfLogBackup, DeviceView, TransformContext, UserRole
from dccemu_protocol.gbcs.transform.model import Usage
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki.keystore import Keystore
from dccemu_protocol.pki.names import RemotePartyRole
from dccemu_protocol.pki.names import Usage as KeyUsage

_REPEAT = re.compile(r"~[0-9]+\Z")
_REQUEST_SUFFIX = "_REQUEST_DUIS"
_USAGES: Mapping[Usage, KeyUsage] = {"ds": KeyUsage.DIGITAL_SIGNATURE, "ka": KeyUsage.KEY_AGREEMENT}
_USER_ROLES: tuple[tuple[RemotePartyRole, UserRole], ...] = (
    (RemotePartyRole.SUPPLIER, "Supplier"),
    (RemotePartyRole.NETWORK_OPERATOR, "NetworkOperator"),
    (RemotePartyRole.LOAD_CONTROLLER, "LoadController"),
)

# The Devices of deploy/scenarios/rtds.yaml.
DEFAULT_DEVICES: Mapping[str, Mapping[str, object]] = {
    "00db1234567890a0": {"type": "ESME", "gbcs_version": "4.3", "esme_variant": "A"},
    "00db1234567890a1": {"type": "GSME", "gbcs_version": "4.3"},
    "00db1234567890a2": {"type": "CHF", "gbcs_version": "4.3"},
    "00db1234567890a3": {"type": "GPF", "gbcs_version": "4.3"},
    "00db1234567890a4": {"type": "PPMID", "gbcs_version": "4.3"},
    "00db1234567890a5": {"type": "HCALCS", "gbcs_version": "4.3"},
    "00db1234567890a6": {"type": "SAPC", "gbcs_version": "4.3"},
}


def stem_of(path: Path) -> str:
    """The stem of ``<stem>_REQUEST_DUIS.XML``, whatever the case of the suffix."""
    stem = path.stem
    return stem[: -len(_REQUEST_SUFFIX)] if stem.upper().endswith(_REQUEST_SUFFIX) else stem


def instant(text: str) -> datetime:
    """An ISO 8601 instant; without a time zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 instant", param_hint="--clock") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def read_object(path: Path | None, option: str) -> dict[str, dict[str, object]]:
    """A JSON object of objects."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint=option) from error
    if not isinstance(document, dict) or not all(isinstance(one, dict) for one in document.values()):
        raise typer.BadParameter(f"{path} is not a JSON object of objects", param_hint=option)
    return document


@dataclass(frozen=True, slots=True)
class Inventory:
    """Devices by stem and by EUI: what the inventory would say."""

    entries: Mapping[str, Mapping[str, object]]

    @classmethod
    def of(cls, given: Mapping[str, Mapping[str, object]]) -> Inventory:
        """Devices given, over the default ones; EUIs may be written with hyphens and in either case."""
        return cls({**DEFAULT_DEVICES, **given, **{_plain(key): entry for key, entry in given.items()}})

    def view(self, stem: str, eui: Eui64) -> DeviceView:
        """The Device of a request; the stem wins over the EUI.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_DEVICE`` when neither is known, ``BAD_IDENTIFIER`` for a bad EUI in a log backup.
        """
        named = self.entries.get(stem) or self.entries.get(_REPEAT.sub("", stem)) or {}
        known = self.entries.get(eui.hex, {})
        entry = named or known
        kind = entry.get("type") or known.get("type")
        if not isinstance(kind, str):
            raise ProtocolError("UNKNOWN_DEVICE", f"{eui} is neither a default Device nor in --devices")
        version, variant = entry.get("gbcs_version"), entry.get("esme_variant")
        return DeviceView(
            eui,
            kind,
            version if isinstance(version, str) else "",
            variant if isinstance(variant, str) else None,
            _chf_log(entry.get("chf_log_backup")),
            _gpf_log(entry.get("gpf_log_backup")),
        )

    def type_of(self, eui: Eui64) -> str | None:
        """The type of another Device."""
        kind = self.entries.get(eui.hex, {}).get("type")
        return kind if isinstance(kind, str) else None


def _plain(key: str) -> str:
    return key.replace("-", "").lower() if re.fullmatch(r"[0-9A-Fa-f-]{16,23}", key) else key


def _chf_log(backup: object) -> ChfLogBackup | None:
    if backup is None:
        return None
    try:
        members = cast("dict[str, Any]", backup)
        return ChfLogBackup(
            bytes.fromhex(members["extended_pan_id"]),
            tuple(
                (Eui64.from_hex(one["device_id"]), bytes.fromhex(one.get("hashed_tc_link_key") or ""))
                for one in members["devices"]
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError("RESTORE_NO_HUB_BACKUP", f"chf_log_backup cannot be read: {error!r}") from error


def _gpf_log(backup: object) -> tuple[tuple[Eui64, int], ...] | None:
    if backup is None:
        return None
    try:
        members = cast("list[dict[str, Any]]", backup)
        return tuple((Eui64.from_hex(one["device_id"]), int(one["type"])) for one in members)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError("RESTORE_NO_GPF_BACKUP", f"gpf_log_backup cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class RoleCounter:
    """The DCC role that sends for a stem, and its counter."""

    originator: Eui64 | None
    counter: int


def role_counter(counters: Mapping[str, Mapping[str, object]], stem: str) -> RoleCounter | None:
    """The entry of a stem, a ``~n`` at its end ignored unless it is named."""
    entry = counters.get(stem) or counters.get(_REPEAT.sub("", stem))
    if entry is None:
        return None
    originator, counter = entry.get("originator"), entry.get("counter")
    if not isinstance(counter, int):
        raise ProtocolError("CANNOT_TRANSFORM", f"the role counter of {stem} is not a number")
    return RoleCounter(Eui64.from_hex(originator) if isinstance(originator, str) else None, counter)


@dataclass(frozen=True, slots=True)
class Parties:
    """The DCC roles whose keys the key store holds, and the roles of Users."""

    keystore: Keystore
    broker: Eui64
    cos_party: Eui64 | None

    @classmethod
    def of(cls, keystore: Keystore) -> Parties:
        """Find broker and CoS Party by the role of their keys."""
        broker = _owner(keystore, RemotePartyRole.ACCESS_CONTROL_BROKER, KeyUsage.KEY_AGREEMENT)
        if broker is None:
            raise typer.BadParameter("it holds no key agreement key of the broker", param_hint="--keystore")
        return cls(
            keystore,
            broker,
            _owner(keystore, RemotePartyRole.TRANSITIONAL_COS, KeyUsage.DIGITAL_SIGNATURE),
        )

    def role_of(self, user: Eui64) -> UserRole:
        """The User's remote party role by its certificates."""
        for number, role in _USER_ROLES:
            for usage in KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT:
                if self.keystore.entries(user, usage, number):
                    return role
        return "Other"

    def certificate(self, eui: Eui64, usage: Usage) -> bytes | None:
        """The certificate in use of a Device."""
        found = self.keystore.certificate(eui, _USAGES[usage])
        return None if found is None else found.der


def _owner(keystore: Keystore, role: RemotePartyRole, usage: KeyUsage) -> Eui64 | None:
    return next((one.eui for one in keystore if one.role == role and one.usage is usage), None)


def context_of(
    request: DuisRequest,
    stem: str,
    now: datetime,
    cin: str,
    parties: Parties,
    inventory: Inventory,
    counters: Mapping[str, Mapping[str, object]],
) -> TransformContext:
    """What the gateway would know about a request.

    Whether the Device knows the User is taken from his role, unless a role counter says that the broker sends. A
    counter that is not given is 1300 and the last two digits of the request's, as most published ones are.
    """
    given = role_counter(counters, stem)
    role = parties.role_of(request.user)
    is_broker_sending = given is not None and given.originator == parties.broker

    def next_counter(party: Eui64) -> int:
        return 1300 + request.request_id.counter % 100 if given is None else given.counter

    return TransformContext(
        now=now,
        device=inventory.view(stem, request.device),
        broker=parties.broker,
        user_is_known=role != "Other" and not is_broker_sending,
        next_role_counter=next_counter,
        cin=cin,
        certificate=parties.certificate,
        device_type=inventory.type_of,
        user_role=role,
        cos_party=parties.cos_party,
    )


def request_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and of folders every ``*.XML``, and ``*_REQUEST_DUIS.XML`` in whatever case."""
    return [file for path in paths for file in (_requests_in(path) if path.is_dir() else [path])]


def _requests_in(folder: Path) -> list[Path]:
    return sorted((one for one in folder.glob("*") if _is_request(one) and not one.is_dir()), key=str)


def _is_request(file: Path) -> bool:
    return file.suffix == ".XML" or file.name.upper().endswith(f"{_REQUEST_SUFFIX}.XML")
