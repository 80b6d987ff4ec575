"""11.1 and 11.4: hand an image over for distribution, and tell its User what comes of it (section 13.6).

The image goes to the SM WAN in pieces before the request is accepted: pieces that no request follows are forgotten
there. The request, the orders for its Devices, its rows and its timer are one commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.entitlement import responsible_suppliers
from dccemu_contracts.firmware import FirmwareDistribution, FirmwareReport, image_name, pieces
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, responses
from dccemu_protocol.duis.content import Content
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Check, Entry
from dccemu_runtime.timers import Timer

from ..adapters.distributions import Distributions
from ..domain.examination import Examination
from ..domain.firmware import Distribution, FirmwarePlan, by_cause
from .answers import Reply, acknowledge, result
from .dcc_alerts import dcc_alert
from .gateway import Gateway

FIRMWARE = "firmware"
_WARNINGS = {
    "11.1": ("FIRMWARE_SOME_DEVICES", "DSPUpdateFirmwareWarning"),
    "11.4": ("PPMID_SOME_DEVICES", "DSPUpdatePPMIDFirmwareWarning"),
}

Accept = Callable[[Examination, Write, Unit], Awaitable[None]]


class UpdateFirmware:
    """The use cases of a firmware request and of its reports."""

    def __init__(self, gateway: Gateway, distributions: Distributions) -> None:
        self._gateway = gateway
        self._distributions = distributions
        gateway.timers.on(FIRMWARE, self.expire)

    async def carry_out(self, examination: Examination, accepted: Write, accept: Accept) -> Reply:
        """Take a request whose rules hold: some Devices get the image."""
        gateway, plan = self._gateway, examination.firmware
        assert plan is not None
        begun = [
            Distribution(device, examination.request_text, examination.user_text, plan.version)
            for device in plan.devices
        ]
        self._distributions.reserve(begun)
        try:
            async with gateway.database.transaction() as connection:
                made = list(pieces(plan.image, examination.at, gateway.new_id))
                await gateway.outbox.copy(connection, made)
            await accept(examination, accepted, Unit(writes=self._rows(examination, plan, begun)))
        except BaseException:
            self._distributions.release(begun)
            raise
        return self._reply(examination, plan)

    def _rows(self, examination: Examination, plan: FirmwarePlan, begun: list[Distribution]) -> list[Write]:
        gateway, at = self._gateway, examination.at
        until = at + timedelta(seconds=gateway.settings.firmware_wait_seconds)
        name = image_name(plan.image)
        orders = [
            FirmwareDistribution(
                id=f"{one.request_id} {one.device}",
                at=at,
                device=one.device,
                image=name,
                version=plan.version,
                until=until,
                request_id=one.request_id,
                user=one.user,
            )
            for one in begun
        ]
        return [
            *(self._distributions.write_open(one, at) for one in begun),
            *(gateway.outbox.write(order) for order in orders),
            *self._tell_others(examination, plan),
            gateway.timers.write_set(FIRMWARE, examination.request_text, until),
            gateway.journal.write(self._entry(examination, plan)),
        ]

    def _reply(self, examination: Examination, plan: FirmwarePlan) -> Reply:
        gateway, answered = self._gateway, AnsweredRequest.of(examination.submitted)
        if not plan.left_out:
            return acknowledge(answered, gateway.settings.non_device_ok_code, examination.at)
        rule, body = _WARNINGS[examination.service_request.srv]
        code = catalogue.response_code(rule)
        document = responses.non_device_result(answered, code, examination.at, body, plan.warning())
        return result(gateway.keys.signer.sign_canonical(document), code)

    def _entry(self, examination: Examination, plan: FirmwarePlan) -> Entry:
        """Evidence: the image, who takes it, and of each Device left out the rule."""
        checks = [
            Check(f"24 service rules: {one.cause.value}", False, expected=one.expected, got=f"{one.device}: {one.got}")
            for one in plan.left_out[:100]
        ]
        return Entry(
            id=self._gateway.new_id(),
            at=examination.at,
            stage="firmware",
            outcome=f"distributed to {len(plan.devices)}, not to {len(plan.left_out)}",
            request_id=examination.request_text,
            user=examination.user_text,
            srv=examination.service_request.srv,
            checks=tuple(checks),
            detail={
                "hash": plan.digest,
                "octets": len(plan.image),
                "version": plan.version,
                "devices": list(plan.devices[:100]),
                "left_out": by_cause(plan.left_out),
            },
        )

    def _tell_others(self, examination: Examination, plan: FirmwarePlan) -> list[Write]:
        """N59: other Responsible Suppliers of the premises learn which Devices are to be upgraded."""
        gateway, directory = self._gateway, self._gateway.directory
        concerned: dict[tuple[str, str], list[str]] = {}
        for eui in plan.devices:
            fact = directory.device(eui)
            for user in sorted(_suppliers(gateway, fact) - {examination.user_text}) if fact is not None else ():
                kind = "ESME" if fact is not None and fact.type == "SAPC" else getattr(fact, "type", "")
                concerned.setdefault((user, kind), []).append(eui)
        rows = []
        for (user, kind), devices in concerned.items():
            content = {"DeviceType": kind, "FirmwareVersion": plan.version, "DeviceList": ",".join(devices)}
            rows.append(dcc_alert(gateway, "N59", "FirmwareUpgradeRequested", content, None, user))
        return rows

    # -- what comes of it ----------------------------------------------------------------------------------------------

    async def hear(self, unit: OpenUnit, report: FirmwareReport) -> None:
        """The CSP says whether an image is at the hub (N60); if it is not, the distribution has failed (N18)."""
        if report.request_id is None or report.user is None:
            return
        content: dict[str, Content] = {
            "UpdateFirmwareRequestID": report.request_id,
            "CommsHubDeviceID": report.hub or report.device,
            "TargetDeviceID": report.device,
            "FirmwareVersion": report.version,
            "TimeStamp": report.at,
            "CommsHubTransferStatus": "Success" if report.success else "Failure",
        }
        unit.write(dcc_alert(self._gateway, "N60", "CSPFirmwareDeliveryStatus", content, report.device, report.user))
        one = self._distributions.open.get(report.device)
        if not report.success and one is not None and one.request_id == report.request_id:
            end_distribution(self._gateway, self._distributions, unit, one, "not delivered", failed=True)

    async def expire(self, connection: PoolConnectionProxy, timer: Timer) -> None:
        """A request's time is over: what it still has open has failed."""
        lapsed = await self._distributions.expire(connection, timer.key)
        if not lapsed:
            return
        await self._gateway.deliver_in(connection, distribution_failure(self._gateway, lapsed))
        for one in lapsed:
            self._gateway.database.after_commit(connection, lambda one=one: self._distributions.end(one))  # type: ignore[misc]


def end_distribution(
    gateway: Gateway,
    distributions: Distributions,
    unit: OpenUnit,
    one: Distribution,
    state: str,
    *,
    failed: bool = False,
) -> None:
    """A distribution ended; one that failed is told to its User."""
    unit.write(distributions.write_end(one, state))
    if failed:
        unit.write(distribution_failure(gateway, [one]))
    unit.after_commit(lambda: distributions.end(one))


def distribution_failure(gateway: Gateway, ones: Iterable[Distribution]) -> Write:
    """N18 about Devices of one request."""
    listed = list(ones)
    content = {
        "UpdateFirmwareRequestID": listed[0].request_id,
        "MeterIDs": ",".join(one.device for one in listed),
    }
    about = listed[0].device if len(listed) == 1 else None
    return dcc_alert(gateway, "N18", "FirmwareDistributionFailure", content, about, listed[0].user)


def _suppliers(gateway: Gateway, device: DeviceFact) -> frozenset[str]:
    """The Responsible Suppliers of everything on the hub of a Device."""
    directory, now = gateway.directory, gateway.now()
    there = [device, *(directory.on_hub(device.hub) if device.hub else ())]
    return frozenset().union(*(responsible_suppliers(one, directory.index, now) for one in there))
