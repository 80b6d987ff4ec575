"""The lines about load, waits and faults below a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dccemu_protocol.duis import DuisResponse

from .record import Asked, Landed, Record
from .verdict import Verdict

Answers = Mapping[str, Sequence[tuple[float, bytes, DuisResponse]]]
"""Every different answer by RequestID, with the time of its first delivery."""


def sum_up(record: Record, answers: Answers, verdict: Verdict) -> None:
    """Add the lines about load, waits and faults to a verdict."""
    seconds = max(record.ended - record.began, 0.001)
    waits = sorted(
        answers[one.request_id][0][0] - one.at for one in record.asked.values() if answers.get(one.request_id)
    )
    verdict.lines.append(
        f"load {seconds:.1f} s  {verdict.acknowledged / seconds:.1f} acknowledged/s  503: {record.unavailable}"
        f"  connections lost: {record.broken}  Pre-Commands lost: {record.abandoned}"
        f"  copies sent: {record.repeats_sent}  longest reply {record.longest_reply:.2f} s"
    )
    if waits:
        verdict.lines.append(
            f"request to answer: median {waits[len(waits) // 2] * 1000:.0f} ms"
            f"  p99 {waits[int(len(waits) * 0.99)] * 1000:.0f} ms  longest {waits[-1]:.1f} s"
        )
    for fault in record.faults:
        verdict.lines.append(
            f"fault at {fault.at - record.began:5.1f} s: {fault.what}, {fault.under_way} under way;"
            f" first new answer {_first_after(record.asked.values(), answers, fault.at)}{_felt(fault)}"
        )


def _felt(fault: Landed) -> str:
    if not fault.rate:
        return ""
    back = "never" if fault.recovery is None else f"after {fault.recovery:.2f} s"
    return f"; part back after {fault.back_at - fault.at:.2f} s; {fault.rate:.0f} answers/s again {back}"


def _first_after(asked: Iterable[Asked], answers: Answers, at: float) -> str:
    """From the fault to the first answer to a request that was acknowledged after it."""
    times = [answers[one.request_id][0][0] for one in asked if one.acknowledged_at > at and answers.get(one.request_id)]
    return f"after {min(times) - at:.2f} s" if times else "never"
