"""Fault tests of the isolated topology: ``python tools/chaos.py F1 --seconds 60 --seed 1``.

Starts PostgreSQL, a broker and `dccemu up --isolated`, lets a verifiable User send requests while parts are killed,
and prints acknowledged, applied, delivered, lost, duplicated, changed. Exit status 1 when a promise was broken or when
the run proved nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from chaos_driver.faults import FAULTS
from chaos_driver.house import House
from chaos_driver.load import Load
from chaos_driver.measure import TARGETS, measure
from chaos_driver.run import run
from chaos_driver.steady import steady

RECOVERY, STEADY = "recovery", "steady"


async def _main(chosen: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # nothing is left running
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        house = House(Path(folder), homes=chosen.homes)
        try:
            await house.start()
            failed = 0
            for name in chosen.faults or list(FAULTS):
                failed += await _one(house, name, chosen)
        finally:
            if chosen.log is not None:
                await asyncio.to_thread(chosen.log.write_text, house.log(10_000_000))
            await house.stop()
        return 1 if failed else 0


async def _one(house: House, name: str, chosen: argparse.Namespace) -> bool:
    """Whether it failed."""
    if name == RECOVERY:
        targets = chosen.targets or list(TARGETS)
        print(
            f"--- recovery after strikes on {', '.join(targets)}, {chosen.times} each, seed {chosen.seed}", flush=True
        )
        measured = await measure(
            house, targets, times=chosen.times, seed=chosen.seed, share=chosen.share, least=chosen.least
        )
        print(measured, flush=True)
        return not measured.verdict.passed
    if name == STEADY:
        print(f"--- steady load, {chosen.seconds:g} s, seed {chosen.seed}", flush=True)
        calm = await steady(house, seconds=chosen.seconds, seed=chosen.seed, share=chosen.share, least=chosen.least)
        print(calm, flush=True)
        return not calm.verdict.passed
    print(f"--- {name}: {FAULTS[name].title}, {chosen.seconds:g} s, seed {chosen.seed}", flush=True)
    verdict = await run(
        house,
        name,
        seconds=chosen.seconds,
        seed=chosen.seed,
        load=Load(rate=chosen.rate, in_flight=chosen.in_flight),
        least=chosen.least,
        strikes=chosen.strikes,
    )
    print(verdict, flush=True)
    return not verdict.passed


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*FAULTS, RECOVERY, STEADY]
    parser.add_argument("faults", nargs="*", choices=[*known, []], help=f"of {', '.join(known)}; default: all faults")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load for each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, help="requests a second at most; default: as fast as answers come")
    parser.add_argument("--in-flight", type=int, default=64, help="requests without an answer at most")
    parser.add_argument("--homes", type=int, default=12)
    parser.add_argument("--least", type=int, default=1000, help="a run with fewer acknowledged requests fails")
    parser.add_argument("--strikes", type=int, help="end the load after so many faults and the least requests")
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), help="recovery: what is struck; default: all")
    parser.add_argument("--times", type=int, default=5, help="recovery: strikes on each target")
    parser.add_argument(
        "--share", type=float, default=0.5, help="recovery, steady: load as a share of the highest rate"
    )
    parser.add_argument("--log", type=Path, help="write the suite's log here")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
