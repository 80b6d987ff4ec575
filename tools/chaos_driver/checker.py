"""The checker: three logs - acknowledged, applied, delivered - against the promises of reliability.md section 3."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from dccemu_protocol.duis import DuisResponse, parse_document, read_response
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.xmldsig import SignerKeys, verify

from .record import Applied, Fate, Record
from .summary import Answers, sum_up
from .verdict import Verdict

FINAL = frozenset({"I0", "E20", "E21"})
LONGEST_REPLY = 15.0
REPEATS = 0.005
"""Share of requests whose answer may be delivered again under kills (reliability.md section 4)."""
PROPORTION = 500
"""Requests for each fault, at least, for that share to be judged: the goal speaks of 100 000 requests and 200 kills."""


def check(
    record: Record,
    applied: Sequence[Applied],
    signers: SignerKeys,
    *,
    least: int,
    strikes: int = 1,
    copies: bool = False,
) -> Verdict:
    """Compare the logs.

    Parameters
    ----------
    least
        A run with fewer acknowledged requests proved nothing.
    strikes
        A run with fewer faults that landed while requests were under way proved nothing.
    copies
        Whether a run with fewer copies of requests than requests proved nothing (fault F10).
    """
    verdict = Verdict(requests=len(record.asked), applied=len(applied), delivered=len(record.delivered))
    fates = Counter(one.fate for one in record.asked.values())
    verdict.acknowledged, verdict.refused = fates[Fate.ACKNOWLEDGED], fates[Fate.REFUSED]
    verdict.unknown = fates[Fate.UNKNOWN]
    answers = _answers(record, signers, verdict)
    _judge_answers(record, answers, verdict)
    _judge_repeats(verdict, len(record.faults))
    _judge_devices(record, applied, verdict)
    _judge_front_door(record, verdict)
    _judge_weight(record, verdict, least, strikes, copies)
    sum_up(record, answers, verdict)
    return verdict


def _answers(record: Record, signers: SignerKeys, verdict: Verdict) -> Answers:
    """Every different body by RequestID, with the time of its first delivery; each is verified."""
    first: dict[bytes, float] = {}
    for delivery in record.delivered:
        if delivery.body in first:
            verdict.repeats += 1
        else:
            first[delivery.body] = delivery.at
    found: dict[str, list[tuple[float, bytes, DuisResponse]]] = defaultdict(list)
    for body, at in first.items():
        try:
            response = read_response(verify(parse_document(body), signers).root)
        except ProtocolError as error:
            verdict.wrong.append(f"I3: a delivery does not verify: {error}")
            continue
        if response.request_id is not None:
            found[str(response.request_id)].append((at, body, response))
    verdict.answers = len(first)
    return found


def _judge_answers(record: Record, answers: Answers, verdict: Verdict) -> None:
    for request_id, asked in record.asked.items():
        got = answers.get(request_id, [])
        if asked.fate is Fate.ACKNOWLEDGED and not got:
            verdict.lost.append(request_id)
        if asked.fate is Fate.REFUSED and got:
            verdict.invented.append(request_id)
        if len(got) > 1:
            ids = {str(response.response_id) for _, _, response in got}
            (verdict.changed if len(ids) == 1 else verdict.duplicated).append(request_id)
        for _, _, response in got:
            if response.response_code not in FINAL:
                verdict.wrong.append(f"I1: {request_id} was answered {response.kind} {response.response_code}")
            verdict.timed_out += response.response_code in ("E20", "E21")
    for request_id in answers.keys() - record.asked.keys():
        verdict.invented.append(request_id)
    if verdict.lost:
        verdict.wrong.append(f"I1: {len(verdict.lost)} acknowledged requests have no answer: {verdict.lost[:5]}")
    if verdict.changed:
        verdict.wrong.append(f"I2: {len(verdict.changed)} answers changed: {verdict.changed[:5]}")
    if verdict.duplicated:
        verdict.wrong.append(f"I2: {len(verdict.duplicated)} requests were answered twice: {verdict.duplicated[:5]}")
    if verdict.invented:
        verdict.wrong.append(f"I3: answers that nobody asked for: {verdict.invented[:5]}")


def _judge_repeats(verdict: Verdict, faults: int) -> None:
    """A repeated delivery is octet for octet the same: another body would be an answer that changed."""
    if verdict.acknowledged >= PROPORTION * max(faults, 1) and verdict.repeats > REPEATS * verdict.acknowledged:
        verdict.wrong.append(f"I2: {verdict.repeats} repeated deliveries of {verdict.acknowledged} answers")


def _judge_devices(record: Record, applied: Sequence[Applied], verdict: Verdict) -> None:
    last: dict[tuple[str, str], int] = {}
    seen: set[tuple[str, str, int]] = set()
    twice = []
    for one in applied:
        key = (one.device, one.originator)
        if (*key, one.counter) in seen:
            twice.append(one.request_id)
        elif one.counter <= last.get(key, -1):
            verdict.out_of_order.append(one.request_id)
        seen.add((*key, one.counter))
        last[key] = max(one.counter, last.get(key, -1))
        asked = record.asked.get(one.request_id)
        if asked is None or asked.counter != one.counter or asked.fate is Fate.REFUSED:
            verdict.wrong.append(f"I3: {one.device} applied {one.request_id}, which was not accepted from this User")
    if twice:
        verdict.duplicated += twice
        verdict.wrong.append(f"I2: Devices applied {len(twice)} Commands twice: {twice[:5]}")
    if verdict.out_of_order:
        verdict.wrong.append(f"I4: {len(verdict.out_of_order)} counters went down: {verdict.out_of_order[:5]}")
    highest: dict[str, int] = {}
    for one in applied:
        if one.request_id in record.asked and record.asked[one.request_id].critical:
            highest[one.device] = max(one.counter, highest.get(one.device, -1))
    forgetful = [device for device, counter in highest.items() if record.remembered.get(device) != counter]
    if forgetful:
        verdict.wrong.append(f"I2: Devices do not remember the last counter that they applied: {forgetful}")
    done = {one.request_id for one in applied}
    undone = [
        asked.request_id
        for asked in record.asked.values()
        if asked.fate is Fate.ACKNOWLEDGED and asked.request_id not in done
    ]
    if undone:
        verdict.wrong.append(f"I1: {len(undone)} acknowledged requests were not applied: {undone[:5]}")


def _judge_front_door(record: Record, verdict: Verdict) -> None:
    for text in record.anomalies[:5]:
        verdict.wrong.append(f"I6: {text}")
    refused = [one for one in record.asked.values() if one.fate is Fate.REFUSED]
    if refused:
        codes = Counter(code for one in refused for code in one.codes)
        verdict.wrong.append(f"I6: {len(refused)} valid requests were refused: {dict(codes)}")
    undecided = [one.request_id for one in record.asked.values() if one.fate is Fate.UNKNOWN]
    if undecided:
        verdict.wrong.append(f"I5: {len(undecided)} requests never got a reply: {undecided[:5]}")
    accepted_twice = [one.request_id for one in record.asked.values() if one.codes.count("I99") > 1]
    if accepted_twice:
        verdict.wrong.append(f"I2: {len(accepted_twice)} requests were accepted twice: {accepted_twice[:5]}")
    odd = Counter(code for one in record.asked.values() if one.fate is Fate.ACKNOWLEDGED for code in one.codes)
    if odd := {code: count for code, count in odd.items() if code not in ("I99", "E45")}:
        verdict.wrong.append(f"I6: copies of accepted requests were answered {odd}")
    for name, count in record.left.items():
        if count:
            verdict.wrong.append(f"I5: {name} still holds {count} rows")
    if record.longest_reply > LONGEST_REPLY:
        verdict.wrong.append(f"I5: a reply took {record.longest_reply:.1f} s")


def _judge_weight(record: Record, verdict: Verdict, least: int, strikes: int, copies: bool) -> None:
    landed = sum(1 for fault in record.faults if fault.under_way > 0)
    if landed < strikes:
        verdict.wrong.append(f"proved nothing: {landed} faults that landed while requests were under way < {strikes}")
    if copies and record.repeats_sent < verdict.acknowledged:
        verdict.wrong.append(f"proved nothing: {record.repeats_sent} copies of {verdict.acknowledged} requests")
    if verdict.acknowledged < least:
        verdict.wrong.append(f"proved nothing: {verdict.acknowledged} acknowledged requests are fewer than {least}")
