"""Non-Device requests (CV 8): answered in the HTTP reply (service-request-processing.md section 12).

8.2 comes from the gateway's own projection; 8.13 is a Device Response in the User's hands; what changes inventory
records is asked of the inventory over the bus and awaited.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping

from lxml import etree

from dccemu_contracts.device_index import InventoryKey
from dccemu_contracts.dsp_inventory import DEVICE_ELEMENTS, PROPERTY_ELEMENTS
from dccemu_contracts.inventory import DeviceFact, InventoryReply, InventoryRequest
from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, responses, text_of
from dccemu_protocol.duis.content import Content
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import GbcsMessage, decode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import Unit, Write

from ..adapters.operations import COMMAND_NAMES, claim_answer, claim_request, read_command
from ..domain.commands import Command, key_of_response
from ..domain.examination import Examination
from ..domain.lifecycle import REQUEST_LIFE, CommandState, Kind, RequestEvent, RequestState, advance
from ..domain.refusal import Refusal
from .answers import Reply, acknowledge, result
from .firmware import UpdateFirmware
from .gateway import Gateway
from .history import History
from .inventory_replies import InventoryReplies
from .respond import Respond, outcome_id
from .schedules import Schedules

INVENTORY_SERVICES = frozenset(["8.3", "8.4", "12.1", "12.2", "8.14.1", "8.14.2", "8.14.3", "8.14.4"])
_LOCAL = f"SELECT {COMMAND_NAMES} FROM commands WHERE request_id = $1 AND state = 'local'"  # noqa: S608 - columns
_ORIGINAL, _RESPONSE = sr("OriginalRequestID"), sr("DeviceGBCSResponse")


class NonDevice:
    """The use cases of the Non-Device Service."""

    def __init__(
        self,
        gateway: Gateway,
        history: History,
        respond: Respond,
        schedules: Schedules,
        firmware: UpdateFirmware,
        inventory: InventoryReplies,
    ) -> None:
        self._gateway = gateway
        self._history = history
        self._respond = respond
        self._firmware = firmware
        self._inventory = inventory
        self._services: Mapping[str, Callable[[Examination, Write], Awaitable[Reply]]] = {
            "5.1": schedules.create,
            "5.2": schedules.read,
            "5.3": schedules.delete,
            "8.2": self._read_inventory,
            "8.13": self._local_response,
            "11.1": self._update_firmware,
            "11.4": self._update_firmware,
            **dict.fromkeys(INVENTORY_SERVICES, self._ask_inventory),
        }

    async def __call__(self, examination: Examination, accepted: Write) -> Reply:
        """Carry out a Non-Device request."""
        srv = examination.service_request.srv
        service = self._services.get(srv)
        if service is None:
            raise ProtocolError("CANNOT_TRANSFORM", f"{srv} is not carried out by this emulator yet")
        return await service(examination, accepted)

    async def _update_firmware(self, examination: Examination, accepted: Write) -> Reply:
        return await self._firmware.carry_out(examination, accepted, self._accept)

    # -- 8.2 -----------------------------------------------------------------------------------------------------------

    async def _read_inventory(self, examination: Examination, accepted: Write) -> Reply:
        found = self._gateway.directory.read_inventory(_key(examination))
        await self._accept(examination, accepted)
        return self._result(examination, catalogue.SUCCESS, "DSPInventory", inventory_content(found))

    # -- 8.13 ----------------------------------------------------------------------------------------------------------

    async def _local_response(self, examination: Examination, accepted: Write) -> Reply:
        body = examination.submitted.body
        message, octets = _returned(examination)
        original = body.find(_ORIGINAL)
        command = await self._local_command(message, None if original is None else text_of(original))
        if command.user != examination.user_text:
            raise Refusal("LOCAL_RESPONSE_UNKNOWN", expected="a Command given to this User", got=command.user)
        unit = OpenUnit(claim_answer(command.id))
        try:
            is_told = await self._respond.take_local(unit, command, message, octets)
        except ProtocolError as error:
            is_mismatch = error.rule == "RESPONSE_MISMATCH"
            raise ProtocolError(
                "LOCAL_RESPONSE_MISMATCH" if is_mismatch else "LOCAL_RESPONSE_CRYPTOGRAPHY", error.detail
            ) from None
        closed, after = unit.close()
        with self._inventory.expected(outcome_id(command)) as reply:
            await self._accept(examination, accepted, closed)
            for callback in after:
                callback()
            if is_told:
                with contextlib.suppress(TimeoutError):
                    await reply()
        return acknowledge(
            AnsweredRequest.of(examination.submitted), self._gateway.settings.non_device_ok_code, examination.at
        )

    async def _local_command(self, message: GbcsMessage, original: str | None) -> Command:
        """By OriginalRequestID where it is given, else by Device, originator and counter."""
        command: Command | None = None
        if original is not None:
            row = await self._gateway.database.pool.fetchrow(_LOCAL, original)
            command = None if row is None else read_command(row)
        else:
            command = await self._respond.find(key_of_response(message))
        if command is None or command.state is not CommandState.LOCAL:
            raise Refusal(
                "LOCAL_RESPONSE_UNKNOWN",
                expected="a Command that was given for local delivery and is not answered",
                got=original or f"counter {message.counter} of {message.target} to {message.originator}",
            )
        if command.key != key_of_response(message):
            raise Refusal(
                "LOCAL_RESPONSE_MISMATCH",
                expected=f"counter {command.counter} of {command.originator} to {command.device}",
                got=f"counter {message.counter} of {message.target} to {message.originator}",
            )
        return command

    # -- by the inventory ----------------------------------------------------------------------------------------------

    async def _ask_inventory(self, examination: Examination, accepted: Write) -> Reply:
        gateway, request = self._gateway, examination.submitted
        question = InventoryRequest(
            id=gateway.new_id(),
            at=examination.at,
            request_id=examination.request_text,
            srv=request.service_reference_variant,
            user=examination.user_text,
            roles=examination.roles,
            device=examination.device_text,
            body=etree.tostring(request.body, encoding="unicode"),
        )
        with self._inventory.expected(question.id) as reply:
            await self._accept(examination, accepted, Unit(writes=(gateway.outbox.write(question),)))
            try:
                return self._pass_on(examination, await reply())
            except TimeoutError:
                return Reply(503, rule="OVERLOADED", detail="the inventory did not answer in time")

    def _pass_on(self, examination: Examination, reply: InventoryReply) -> Reply:
        if reply.outcome == "refused":
            raise ProtocolError(reply.rule or "CANNOT_TRANSFORM", reply.detail or "refused", place=reply.place or "")
        if reply.data:
            name, content = next(iter(reply.data.items()))
            code = catalogue.response_code(reply.rule) if reply.rule else catalogue.SUCCESS
            return self._result(examination, code, name, content)
        code = catalogue.response_code(reply.rule) if reply.rule else self._gateway.settings.non_device_ok_code
        return acknowledge(AnsweredRequest.of(examination.submitted), code, examination.at)

    # -- in common -----------------------------------------------------------------------------------------------------

    async def _accept(self, examination: Examination, accepted: Write, more: Unit | None = None) -> None:
        """Make the request durable, with what goes with it."""
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.ANSWER_DIRECTLY)
        examination.role = next(iter(examination.roles), "")
        claim = claim_request(examination, Kind.REQUEST, state)
        extra = more or Unit()
        await self._gateway.commit(Unit((claim, *extra.claims), (*extra.writes, accepted)))
        self._history.note(examination.request_text, Kind.REQUEST)

    def _result(self, examination: Examination, code: str, name: str, content: Content) -> Reply:
        answered = AnsweredRequest.of(examination.submitted)
        document = responses.non_device_result(answered, code, examination.at, name, content)
        return result(self._gateway.keys.signer.sign_canonical(document), code)


def _key(examination: Examination) -> InventoryKey:
    """The one search key of ReadInventory."""
    values = {child.tag.rpartition("}")[2]: child for child in examination.submitted.body}
    if "PropertyFilter" in values:
        parts = {child.tag.rpartition("}")[2]: text_of(child) for child in values["PropertyFilter"]}
        return InventoryKey(post_code=parts.get("PostCode"), address_identifier=parts.get("AddressIdentifier"))
    if "DeviceID" in values:
        return InventoryKey(device=text_of(values["DeviceID"]).upper())
    if "MPxN" in values:
        return InventoryKey(mpxn=text_of(values["MPxN"]))
    return InventoryKey(uprn=text_of(values["UPRN"]) if "UPRN" in values else None)


def _returned(examination: Examination) -> tuple[GbcsMessage, bytes]:
    found = examination.submitted.body.find(_RESPONSE)
    try:
        octets = base64.b64decode("".join((found.text or "").split()) if found is not None else "", validate=True)
        return decode(octets), octets
    except (binascii.Error, GbcsError) as error:
        raise Refusal("LOCAL_RESPONSE_MISMATCH", expected="a GBCS Response in base64", got=str(error)[:200]) from None


def inventory_content(found: Iterable[DeviceFact]) -> Content:
    """What 8.2 answers: the records found as the content of DSPInventory."""
    return {"Device": [device_content(fact) for fact in found]}


def device_content(fact: DeviceFact) -> dict[str, Content]:
    """An inventory record as the ``Device`` element of DSPInventory (duis.md section 6)."""
    content: dict[str, Content] = {name: getattr(fact, field) for name, field in DEVICE_ELEMENTS.items()}
    # The schema has no name for a stand-alone auxiliary controller; it is held as an ESME (service-requests facts).
    content["DeviceType"] = "ESME" if fact.type == "SAPC" else fact.type
    content["PropertyFilter"] = _property(fact)
    return {name: value for name, value in content.items() if value is not None}


def _property(fact: DeviceFact) -> Content:
    """Both parts, of which a record may have the postcode alone."""
    if fact.post_code is None:
        return None
    return {name: getattr(fact, field) or "" for name, field in PROPERTY_ELEMENTS.items()}
