"""A process that works on a batch until it is killed: see ``test_batch_crash``. Run as a script."""

from __future__ import annotations

import asyncio
import json
import sys

from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Faults
from dccemu_runtime.service import Runtime
from dccemu_smki import bootstrap
from dccemu_smki.settings import Settings


async def main() -> None:
    settings = Settings.model_validate(json.loads(sys.argv[1]))
    entropy = Entropy()
    runtime = Runtime(Clock(settings.clock), entropy, MemoryBus(), Faults(entropy))
    await runtime.start()
    service = await bootstrap.build(settings, runtime)
    await service.start()
    print("working", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
