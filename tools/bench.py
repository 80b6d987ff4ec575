"""``make bench``: one script, one run; figures as ratios to limits measured in the same run.

    .venv/bin/python tools/bench.py [--short] [--write docs/performance.md] [--only PART ...]

Parts: ``xml`` (verify and sign beside signxml), ``gbcs`` (transform and decode beside the cryptography), ``one`` and
``isolated`` (requests all the way), ``smki`` (issuance and search), ``inventory`` (8.2 and rebuilding a projection),
``start`` (a full start with a big inventory, and 8.2 over HTTPS).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_smki
import uvloop
from bench_parts import big_start, end_to_end, gbcs, inventory, limits, xml

PARTS = ("xml", "gbcs", "one", "isolated", "smki", "inventory", "start")
#: Begins the part of the page that is not written here and stays.
APART = "\n## Measured apart\n"
HEAD = """# Performance

Figures come from one run of one script on one machine. Compare ratios within the run; the machine was shared.
E is the efficiency: requests a second x (P-256 sign and verify seconds that the flow needs) / cores' time, with the
seconds from `openssl speed -multi` just before and after each flow. Cryptography alone is E = 100 %; the goals of the
first release are 5 % for non-critical and 8 % for critical requests. Rates are medians of three rounds. Processor time
is that of the suite with database and broker, without the load generator; it suffers less from what else runs. In the
end-to-end rows everything is on: mutual TLS both ways, PostgreSQL commit before the acknowledgement, bus, Devices; the
load generator and its endpoint run on the same cores.
"""


def _interpreter() -> str:
    """How fast this interpreter is by itself: builds without profile-guided optimisation take half as long again."""

    def steps() -> float:
        began, found = time.process_time(), {}
        for number in range(200_000):
            found[number & 1023] = (number, len(found))
        return 200_000 / (time.process_time() - began)

    return f"{max(steps() for _ in range(9)) / 1e6:.1f} million simple steps a second"


def _xml() -> Iterator[str]:
    yield "## XML signature, per message\n"
    yield "| what | ours us | signxml us | times quicker |\n| --- | --- | --- | --- |"
    for pair in xml.measure():
        other = "" if pair.other is None else f"{pair.other * 1e6:.0f}"
        ratio = "" if pair.ratio is None else f"{pair.ratio:.1f}"
        yield f"| {pair.name} | {pair.ours * 1e6:.0f} | {other} | {ratio} |"


def _gbcs() -> Iterator[str]:
    costs = gbcs.cryptography_costs()
    yield "## GBCS, per message\n"
    yield "| use case | octets | transform us | decode us | transform / ECDH |\n| --- | --- | --- | --- | --- |"
    for cost in gbcs.measure():
        yield (
            f"| {cost.name} | {cost.octets} | {cost.transform * 1e6:.0f} | {cost.decode * 1e6:.0f} "
            f"| {cost.transform / costs['ECDH']:.2f} |"
        )
    yield "\n" + ", ".join(f"{name} {seconds * 1e6:.0f} us" for name, seconds in costs.items())


def _end_to_end(topology: tuple[str, ...], *, short: bool) -> Iterator[str]:
    cores = os.cpu_count() or 1
    yield f"## Requests all the way, {'isolated' if topology else 'one process'}\n"
    yield (
        "| flow | requests a second | cryptography alone | E | processor us a request | of it P-256 "
        "| p50 ms at half rate | p99 ms at half rate | answered |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for row in end_to_end.measure(topology, count=600 if short else 6000, rounds=1 if short else 3):
        alone = cores / (limits.PAIRS[row.flow] * row.pair)
        yield (
            f"| {row.flow} | {row.rate:.0f} | {alone:.0f} | {row.efficiency:.1%} "
            f"| {row.work * 1e6:.0f} | {row.share:.1%} | {row.p50_half_ms:.0f} | {row.p99_half_ms:.0f} "
            f"| {row.answered} of {row.sent} |"
        )


def _smki(*, short: bool) -> Iterator[str]:
    yield "## SMKI\n"
    issued = uvloop.run(bench_smki.issuance(500 if short else 50_000))
    found = uvloop.run(bench_smki.search(*((10_000, 300) if short else (1_000_000, 2000))))
    yield "| figure | value |\n| --- | --- |"
    for name, value in {**issued, **found}.items():
        yield f"| {name} | {value:.4g} |"


def main() -> None:
    """Run the parts and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests, one round")
    parser.add_argument("--write", type=Path, help="write the page to this file as well")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    makers = {
        "xml": _xml,
        "gbcs": _gbcs,
        "one": lambda: _end_to_end((), short=options.short),
        "isolated": lambda: _end_to_end(("--isolated",), short=options.short),
        "smki": lambda: _smki(short=options.short),
        "start": lambda: big_start.report(10_000 if options.short else 100_000),
        "inventory": lambda: inventory.report(100_000 if options.short else 1_000_000),
    }
    lines = [HEAD]
    command = "make bench" if not options.short and set(options.only) == set(PARTS) else " ".join(sys.argv)
    lines.append(
        f"Command: `{command}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()} ({_interpreter()}), load average before {os.getloadavg()[0]:.1f}.\n"
    )
    print("\n".join(lines), flush=True)
    for part in options.only:
        for line in makers[part]():
            print(line, flush=True)
            lines.append(line)
        print(flush=True)
        lines.append("")
    if options.write is not None:
        kept = options.write.read_text(encoding="utf-8") if options.write.exists() else ""
        _, mark, apart = kept.partition(APART)
        options.write.write_text("\n".join(lines).rstrip() + "\n" + mark + apart, encoding="utf-8")


if __name__ == "__main__":
    main()
