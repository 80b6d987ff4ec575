"""The checker of the chaos driver finds each way in which a run can go wrong, and a run that proved nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.duis import AnsweredRequest, read_request, responses
from dccemu_protocol.duis import parse_document as parse
from dccemu_protocol.xmldsig import XMLSigner

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from chaos_driver import checker
from chaos_driver.checker import check
from chaos_driver.record import Applied, Asked, Delivered, Fate, Landed, Record
from chaos_driver.verdict import Verdict

KEY = ec.derive_private_key(4711, ec.SECP256R1())
SIGNER = XMLSigner(KEY, "CN=Z1,OU=07", 1)
USER, DEVICE = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0"
REQUEST = (
    '<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" '
    'schemaVersion="5.4"><sr:Header><sr:RequestID>{}</sr:RequestID><sr:CommandVariant>1</sr:CommandVariant>'
    "<sr:ServiceReference>4.1</sr:ServiceReference><sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant>"
    "</sr:Header><sr:Body><sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)


class _Signers:
    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        return KEY.public_key()


def _answer(request_id: str, code: str = "I0", payload: bytes = b"\xdf") -> bytes:
    answered = AnsweredRequest.of(read_request(parse(REQUEST.format(request_id).encode())))
    return SIGNER.sign(responses.device_response(answered, code, datetime(2026, 3, 2, tzinfo=UTC), payload))


def _id(number: int) -> str:
    return f"{USER}:{DEVICE}:{number}"


@pytest.fixture
def record() -> Record:
    """Three requests, all acknowledged, applied in order and answered, and a fault among them."""
    made = Record(began=0.0, ended=10.0)
    for number in (1, 2, 3):
        request_id = _id(number)
        made.asked[request_id] = Asked(
            request_id, DEVICE, number, critical=False, at=float(number), sent=1, codes=["I99"], fate=Fate.ACKNOWLEDGED
        )
        made.delivered.append(Delivered(number + 0.5, _answer(request_id)))
    made.faults.append(Landed("kill", 1.5, 1, 1.6))
    return made


@pytest.fixture
def applied() -> list[Applied]:
    return [Applied(DEVICE, USER, number, _id(number)) for number in (1, 2, 3)]


def _check(record: Record, applied: list[Applied], least: int = 3) -> Verdict:
    return check(record, applied, _Signers(), least=least)


def test_a_good_run_passes(record: Record, applied: list[Applied]) -> None:
    verdict = _check(record, applied)

    assert verdict.passed, str(verdict)
    assert (verdict.acknowledged, verdict.applied, verdict.delivered, verdict.answers) == (3, 3, 3, 3)


def test_a_repeated_delivery_is_counted_and_allowed(record: Record, applied: list[Applied]) -> None:
    record.delivered.append(record.delivered[0])

    verdict = _check(record, applied)

    assert verdict.passed
    assert verdict.repeats == 1


def _lose(record: Record, _applied: list[Applied]) -> None:
    record.delivered.pop()


def _change(record: Record, _applied: list[Applied]) -> None:
    record.delivered.append(Delivered(9.0, _answer(_id(2), payload=b"\xdf\x01")))


def _forge(record: Record, _applied: list[Applied]) -> None:
    record.delivered.append(Delivered(9.0, _answer(_id(2)).replace(b"I0", b"I1", 1)))


def _invent(record: Record, _applied: list[Applied]) -> None:
    record.delivered.append(Delivered(9.0, _answer(_id(77))))


def _fail(record: Record, _applied: list[Applied]) -> None:
    record.delivered[0] = Delivered(1.5, _answer(_id(1), code="E49"))


def _apply_twice(_record: Record, applied: list[Applied]) -> None:
    applied.append(applied[-1])


def _apply_out_of_order(_record: Record, applied: list[Applied]) -> None:
    applied.reverse()


def _apply_nothing(_record: Record, applied: list[Applied]) -> None:
    applied.pop()


def _apply_what_nobody_asked(_record: Record, applied: list[Applied]) -> None:
    applied.append(Applied(DEVICE, USER, 99, _id(99)))


def _break_inside(record: Record, _applied: list[Applied]) -> None:
    record.anomalies.append("HTTP 500")


def _hang(record: Record, _applied: list[Applied]) -> None:
    record.longest_reply = 100.0


def _accept_twice(record: Record, _applied: list[Applied]) -> None:
    record.asked[_id(1)].codes.append("I99")


def _refuse(record: Record, _applied: list[Applied]) -> None:
    record.asked[_id(9)] = Asked(_id(9), DEVICE, 9, critical=False, at=1.0, codes=["E4"], fate=Fate.REFUSED)


def _leave_open(record: Record, _applied: list[Applied]) -> None:
    record.asked[_id(9)] = Asked(_id(9), DEVICE, 9, critical=False, at=1.0)


def _miss(record: Record, _applied: list[Applied]) -> None:
    record.faults[:] = [Landed("kill", 1.5, 0, 1.6)]


def _forget_counter(record: Record, _applied: list[Applied]) -> None:
    record.asked[_id(3)].critical = True
    record.remembered[DEVICE] = 2


def _leave_rows(record: Record, _applied: list[Applied]) -> None:
    record.left["gateway outbox"] = 1


@pytest.mark.parametrize(
    ("spoil", "promise"),
    [
        (_lose, "I1: 1 acknowledged"),
        (_change, "I2: 1 answers changed"),
        (_forge, "I3: a delivery does not verify"),
        (_invent, "I3: answers that nobody asked for"),
        (_fail, "I1: "),
        (_apply_twice, "I2: Devices applied 1"),
        (_apply_out_of_order, "I4: "),
        (_apply_nothing, "I1: 1 acknowledged requests were not applied"),
        (_apply_what_nobody_asked, "I3: "),
        (_break_inside, "I6: HTTP 500"),
        (_hang, "I5: a reply took"),
        (_accept_twice, "I2: 1 requests were accepted twice"),
        (_refuse, "I6: 1 valid requests were refused"),
        (_leave_open, "I5: 1 requests never got a reply"),
        (_miss, "proved nothing: 0 faults"),
        (_forget_counter, "I2: Devices do not remember"),
        (_leave_rows, "I5: gateway outbox"),
    ],
)
def test_a_broken_promise_is_found(
    record: Record, applied: list[Applied], spoil: Callable[[Any, Any], None], promise: str
) -> None:
    spoil(record, applied)

    verdict = _check(record, applied)

    assert not verdict.passed
    assert any(line.startswith(promise) for line in verdict.wrong), str(verdict)


def test_too_few_requests_prove_nothing(record: Record, applied: list[Applied]) -> None:
    verdict = _check(record, applied, least=4)

    assert verdict.wrong == ["proved nothing: 3 acknowledged requests are fewer than 4"]


def test_fewer_faults_than_wanted_prove_nothing(record: Record, applied: list[Applied]) -> None:
    verdict = check(record, applied, _Signers(), least=1, strikes=2)

    assert verdict.wrong == ["proved nothing: 1 faults that landed while requests were under way < 2"]


def test_fewer_copies_than_requests_prove_nothing(record: Record, applied: list[Applied]) -> None:
    record.repeats_sent = 2

    verdict = check(record, applied, _Signers(), least=1, strikes=0, copies=True)

    assert verdict.wrong == ["proved nothing: 2 copies of 3 requests"]


def test_too_many_repeated_deliveries_are_found(
    record: Record, applied: list[Applied], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "PROPORTION", 3)
    record.delivered.append(record.delivered[0])

    verdict = _check(record, applied)

    assert verdict.wrong == ["I2: 1 repeated deliveries of 3 answers"]
