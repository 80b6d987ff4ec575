"""Transformation with the gateway's own state: what the inventory says of the Device, counters and keys of the
broker."""

from __future__ import annotations

from typing import Any, Literal

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.duis import DuisRequest, Element, text_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.gbcs.crypto import encode_with_mac, shared_secret, sign
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.transform import DeviceView, TransformContext, Transformed, transform
from dccemu_protocol.gbcs.transform.model import ChfLogBackup
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy

from ..domain.originator import standing
from .counters import RoleCounter
from .directory import FactsDirectory
from .own_keys import OwnKeys

_OLD_HUB, _OLD_GPF = sr("OldCHFID"), sr("OldGPFID")
_USAGES = {"ds": "digitalSignature", "ka": "keyAgreement"}

#: Views of Devices kept; some hundred octets each.
_MOST_VIEWS = 100_000


class Transformer:
    """Turns verified requests into GBCS messages and gives Commands their MAC."""

    def __init__(
        self, directory: FactsDirectory, keys: OwnKeys, counter: RoleCounter, clock: Clock, entropy: Entropy
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._counter = counter
        self._clock = clock
        self._entropy = entropy
        self._views: dict[str, tuple[DeviceFact, DeviceView]] = {}

    def transform(self, request: DuisRequest, device: DeviceFact, role: str, cin: str = "") -> Transformed:
        """The GBCS message of a request, without signature and MAC.

        Raises
        ------
        ProtocolError
            What cannot be expressed for this Device.
        """
        is_known, user_role = standing(request.user, device, role)
        context = TransformContext(
            now=self._clock.now(),
            device=self._view(device, request),
            broker=self._keys.broker,
            user_is_known=is_known,
            next_role_counter=self._next_counter,
            cin=cin,
            certificate=self._certificate,
            device_type=self._type,
            user_role=user_role,
        )
        return transform(request, context)

    def number(self) -> str:
        """A Customer Identification Number: four random digits (section 13.9)."""
        return f"{self._entropy.number(10_000):04d}"

    def command(self, message: GbcsMessage, *, signed_by_broker: bool = False, mac: bool = True) -> bytes:
        """The octets that go to the Device: the broker's signature and MAC where GBCS asks for them."""
        if signed_by_broker:
            message = sign(message, self._keys.signing_key)
        if not mac:
            raise EmulatorError("a Command without the broker's MAC is none of the gateway's")
        return encode_with_mac(message, self.secret(str(message.target)))

    def secret(self, device: str) -> bytes:
        """The shared secret of broker and Device.

        Raises
        ------
        ProtocolError
            When the repository has no key agreement certificate of the Device.
        """
        certificate = self._directory.in_use(device, "keyAgreement")
        if certificate is None:
            raise ProtocolError("CANNOT_TRANSFORM", f"the repository has no key agreement certificate of {device}")
        return shared_secret(self._keys.agreement_key, certificate.public_key)

    def _next_counter(self, _role: Eui64) -> int:
        return self._counter.take()

    def _certificate(self, eui: Eui64, usage: Literal["ds", "ka"]) -> bytes | None:
        found = self._directory.in_use(str(eui), _USAGES[usage])
        return None if found is None else found.der

    def _type(self, eui: Eui64) -> str | None:
        fact = self._directory.device(str(eui))
        return None if fact is None else fact.type

    def _view(self, device: DeviceFact, request: DuisRequest) -> DeviceView:
        if request.service_reference == "8.12":
            return self._restored(device, request.body)
        kept = self._views.get(device.device)
        if kept is not None and kept[0] is device:
            return kept[1]
        view = DeviceView(
            eui=Eui64.parse(device.device),
            type=device.type,
            gbcs_version=device.gbcs_version or "",
            esme_variant=device.esme_variant,
        )
        if len(self._views) >= _MOST_VIEWS:
            self._views.clear()
        self._views[device.device] = (device, view)
        return view

    def _restored(self, device: DeviceFact, body: Element) -> DeviceView:
        """8.12: the target is the new hub or GPF, the log to restore is that of the old one (section 13.7)."""
        old: DeviceFact | None = None
        for element in body.iter(_OLD_HUB, _OLD_GPF):
            old = self._directory.device(text_of(element).upper())
        return DeviceView(
            eui=Eui64.parse(device.device),
            type=device.type,
            gbcs_version=device.gbcs_version or "",
            chf_log_backup=_chf_backup(None if old is None else old.chf_log_backup),
            gpf_log_backup=_gpf_backup(None if old is None else old.gpf_log_backup),
        )


def _chf_backup(kept: dict[str, Any] | None) -> ChfLogBackup | None:
    if kept is None:
        return None
    return ChfLogBackup(
        bytes.fromhex(kept["extended_pan_id"]),
        tuple(
            (Eui64.from_hex(entry["device_id"]), bytes.fromhex(entry.get("hashed_tc_link_key", "")))
            for entry in kept["devices"]
        ),
    )


def _gpf_backup(kept: dict[str, Any] | None) -> tuple[tuple[Eui64, int], ...] | None:
    if kept is None:
        return None
    return tuple((Eui64.from_hex(entry["device_id"]), int(entry["type"])) for entry in kept["devices"])
