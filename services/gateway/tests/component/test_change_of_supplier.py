"""6.23: the gateway hands the signed request over and sends what the CoS Party signed, nothing else."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest

from dccemu_contracts import topics
from dccemu_contracts.cos import CosDecision, CosRequest
from dccemu_protocol.duis import parse_document, read_request
from dccemu_protocol.gbcs.crypto import sign
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of

SUPPLIER, COS = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-00-00-04"
ESME, GSME = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A1"
MPAN = "2000000000006"


class CosParty:
    """Signs (or refuses) whatever it is asked."""

    def __init__(self, world, decide) -> None:
        self.world = world
        self.key = world.smki.key()
        self.decide = decide
        self.asked: list[CosRequest] = []

    async def start(self) -> None:
        await self.get_certificate()
        await self.listen()

    async def get_certificate(self) -> None:
        certificate = self.world.smki.organisation(COS, 5, Usage.DIGITAL_SIGNATURE, self.key.public_key())
        await self.world.smki.publish(certificate)

    async def listen(self) -> None:
        await self.world.runtime.bus.subscribe([topics.COS_REQUESTS.name], "cos-party", self.hear)

    async def hear(self, batch) -> None:
        for message in batch:
            request = CosRequest.from_bytes(message.value)
            self.asked.append(request)
            decision = CosDecision(
                id=f"decision {request.id}",
                at=self.world.runtime.clock.now(),
                request_id=request.request_id,
                device=request.device,
                **self.decide(self, request),
            )
            await self.world.runtime.bus.publish([message_of(decision)])

    def command(self, request: CosRequest) -> GbcsMessage:
        return GbcsMessage(
            CRA.COMMAND,
            6001,
            Eui64.parse(COS),
            Eui64.parse(request.device),
            OtherInformation(0x0107),
            bytes.fromhex("30020500"),
        )

    def sign(self, message: GbcsMessage) -> dict[str, object]:
        return {"outcome": "signed", "payload": encode(sign(message, self.key)).hex(), "counter": message.counter}


def body(world, *, mpxn: str = MPAN, owner: str = SUPPLIER, at: str = "") -> str:
    user = world.users[owner]
    ds = world.smki.organisation(owner, 2, Usage.DIGITAL_SIGNATURE, user.ds.public_key())
    ka = world.smki.organisation(owner, 2, Usage.KEY_AGREEMENT, user.ka.public_key())
    certificate = b64encode(world.smki.issuing.der).decode()
    return (
        f"<sr:UpdateSecurityCredentialsCoS>{at}<sr:SupplierFloorSeqNumber>0</sr:SupplierFloorSeqNumber>"
        "<sr:SupplierReplacementCertificates>"
        f"<sr:DigitalSigningCertificate>{b64encode(ds.der).decode()}</sr:DigitalSigningCertificate>"
        f"<sr:KeyAgreementCertificate>{b64encode(ka.der).decode()}</sr:KeyAgreementCertificate>"
        "</sr:SupplierReplacementCertificates>"
        f"<sr:CertificationPathCertificates><sr:Certificate>{certificate}</sr:Certificate>"
        "</sr:CertificationPathCertificates><sr:ApplyTimeBasedCPVChecks>true</sr:ApplyTimeBasedCPVChecks>"
        f"<sr:ImportMPxN>{mpxn}</sr:ImportMPxN></sr:UpdateSecurityCredentialsCoS>"
    )


@pytest.mark.asyncio
async def test_the_cos_partys_command_gets_the_mac_and_goes_to_the_device(world, eventually) -> None:
    cos = CosParty(world, lambda cos, request: cos.sign(cos.command(request)))
    await cos.start()
    world.users[COS] = replace(world.users[SUPPLIER], eui=COS, ds=cos.key)

    answer = await world.send("6.23", body(world))

    assert answer.response_code == "I99"
    await eventually(lambda: world.commands)
    sent = decode(bytes.fromhex(world.commands[0].payload))
    assert str(sent.originator) == COS
    assert sent.mac is not None
    handed = read_request(parse_document(cos.asked[0].document.encode()))
    assert handed.request_id == answer.request_id


@pytest.mark.asyncio
async def test_a_refusal_is_told_with_its_code_and_an_alert(world, eventually) -> None:
    refusal = {"outcome": "refused", "rule": "COS_NOT_REGISTERED", "ecos_error_code": "E01"}
    await CosParty(world, lambda cos, request: refusal).start()

    await world.send("6.23", body(world))

    await eventually(lambda: len(world.taken()) == 2)
    response, alert = sorted(world.taken(), key=lambda one: one.kind == "DCCAlertMessage")
    assert response.response_code == "E062301"
    assert alert.content["DCCAlert"]["ChangeOfSupplier"]["ECoSErrorCode"] == "E01"
    assert world.commands == []


FORGERIES = {
    "another key": lambda cos, request: {
        "outcome": "signed",
        "payload": encode(sign(cos.command(request), cos.world.users[SUPPLIER].ds)).hex(),
    },
    "another message code": lambda cos, request: cos.sign(
        replace(cos.command(request), other=OtherInformation(0x0102))
    ),
    "another Device": lambda cos, request: cos.sign(replace(cos.command(request), target=Eui64.parse(GSME))),
    "another originator": lambda cos, request: cos.sign(
        replace(cos.command(request), originator=Eui64.parse(SUPPLIER))
    ),
    "not a message": lambda cos, request: {"outcome": "signed", "payload": "00"},
}


@pytest.mark.asyncio
@pytest.mark.checklist("C16")
async def test_a_command_that_is_not_the_cos_partys_is_not_sent(world) -> None:
    cos = CosParty(world, lambda cos, request: {})
    await cos.start()
    for number, (name, forge) in enumerate(FORGERIES.items(), 1):
        cos.decide = forge

        await world.send("6.23", body(world))

        entries = await world.journal.wait(Filter(stage="change of supplier"), 5, number)
        assert entries[0].outcome.startswith("rejected"), name
    assert world.commands == []


@pytest.mark.asyncio
async def test_a_decision_about_a_request_that_was_not_handed_over_is_ignored(world) -> None:
    cos = CosParty(world, lambda cos, request: {})
    request = CosRequest(
        id="x", at=world.runtime.clock.now(), request_id=f"{SUPPLIER}:{ESME}:5", device=ESME, document=""
    )
    decision = CosDecision(
        id="forged",
        at=world.runtime.clock.now(),
        request_id=request.request_id,
        device=ESME,
        **cos.sign(cos.command(request)),
    )
    await world.runtime.bus.publish([message_of(decision)])

    entries = await world.journal.wait(Filter(stage="change of supplier"), 5)
    assert entries[0].outcome == "ignored"
    assert world.commands == []


@pytest.mark.asyncio
async def test_the_meter_point_must_be_the_devices_and_the_certificates_the_senders(world) -> None:
    assert (await world.send("6.23", body(world, mpxn="3938424403"))).response_code == "E062302"
    assert (await world.send("6.23", body(world, owner="90-B3-D5-1F-30-03-00-00"))).response_code == "E062303"


@pytest.mark.asyncio
async def test_a_future_change_is_handed_over_five_days_before_its_date(world, eventually) -> None:
    cos = CosParty(world, lambda cos, request: {"outcome": "held"})
    await cos.start()
    dated = "<sr:ExecutionDateTime>2026-03-12T00:00:00Z</sr:ExecutionDateTime>"

    assert (await world.send("6.23", body(world, at=dated))).response_code == "I99"
    world.runtime.clock.advance(timedelta(days=4))
    assert cos.asked == []
    world.runtime.clock.advance(timedelta(days=1))

    await eventually(lambda: cos.asked)


@pytest.mark.asyncio
async def test_a_held_change_can_be_cancelled_here_a_handed_over_one_by_the_cos_party(world, eventually) -> None:
    cos = CosParty(world, lambda cos, request: {"outcome": "held"})
    await cos.start()
    dated = "<sr:ExecutionDateTime>2026-03-12T00:00:00Z</sr:ExecutionDateTime>"
    never = "<sr:ExecutionDateTime>3000-12-31T00:00:00Z</sr:ExecutionDateTime>"

    await world.send("6.23", body(world, at=dated))
    assert (await world.send("6.23", body(world, at=never))).response_code == "I99"
    assert await world.gateway.timers.pending() == []
    assert cos.asked == []

    assert (await world.send("6.23", body(world, at=never))).response_code == "I99"
    await eventually(lambda: cos.asked)


@pytest.mark.asyncio
@pytest.mark.checklist("C16")
async def test_while_the_cos_party_is_away_only_6_23_waits_and_completes_when_it_returns(world, eventually) -> None:
    cos = CosParty(world, lambda cos, request: cos.sign(cos.command(request)))
    await cos.get_certificate()
    waiting = await world.send("6.23", body(world))
    read = await world.send("4.1.1", "<sr:ReadInstantaneousImportRegisters/>")

    await eventually(lambda: world.taken())
    assert [answer.request_id for answer in world.taken()] == [read.request_id]
    assert (waiting.response_code, len(world.commands)) == ("I99", 1)

    world.users[COS] = replace(world.users[SUPPLIER], eui=COS, ds=cos.key)
    await cos.listen()

    await eventually(lambda: len(world.commands) == 2)
    assert cos.asked[0].request_id == str(waiting.request_id)
    assert str(decode(bytes.fromhex(world.commands[1].payload)).originator) == COS
