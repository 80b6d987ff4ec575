"""Check 24: a published request with one thing changed is refused by the one rule that it breaks, as published it is
not, and the journal tells what was expected and found.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ..conftest import CHF, ESME, GSME

ROOT = Path(__file__).resolve().parents[4]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT / ".." / "shared" / "vectors"))
BODY = re.compile(r"<sr:Body>\s*(.*?)\s*</sr:Body>", re.DOTALL)

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not VECTORS.is_dir(), reason="the published requests are not here (../shared/vectors)"),
]

TOU = "ECS01a_1.1.1_IMMEDIATE_TOU_SUCCESS"
GAS_TOU = "GCS01a_1.1.1_IMMEDIATE_TOU_SUCCESS"
BLOCK = "ECS01a_1.1.1_IMMEDIATE_BLOCK_SUCCESS"
DUTY = "sr:LimitedCriticalDutyCycleThreshold>"

MUTANTS = [
    # Published request, Device, Command Variant, what is changed (a pattern) into what, code, place in the evidence.
    (TOU, ESME, 4, r"(<sr:ReferencedDayName[^>]*>)1<", r"\g<1>9<", "E010102", "ReferencedDayName"),
    (TOU, ESME, 4, r"(<sr:WeekName>)2<", r"\g<1>1<", "E010102", "WeekName"),
    (TOU, ESME, 4, r"<sr:TOUTariffAction>1<", "<sr:TOUTariffAction>40<", "E010102", "TOUTariffAction"),
    (BLOCK, ESME, 4, r"<sr:BlockTariffAction>1<", "<sr:BlockTariffAction>8<", "E010102", "BlockTariffAction"),
    (GAS_TOU, GSME, 4, r"(<sr:DayName>)2<", r"\g<1>1<", "E010102", "DayName"),
    ("GCS25_6.8_SUCCESS", GSME, 4, "2015-02-01T", "2015-01-31T", "E060803", "BillingPeriodStart"),
    ("CS02aMAC_6.24.1_SUCCESS", GSME, 1, "NetworkOperator", "LoadController", "E062401", "RemotePartyRole"),
    ("DBCH04_6.28_SUCCESS", CHF, 1, r"<sr:Channel\d+/>", "", "E062802", "LowerBandSubGHzChannels0To26"),
    ("DBCH04_6.28_SUCCESS", CHF, 1, f"{DUTY}2.2<", f"{DUTY}1.6<", "E062803", "LimitedCriticalDutyCycleThreshold"),
]


def template(stem: str) -> tuple[str, str]:
    """The service and the body of a published request."""
    found = BODY.search((VECTORS / "duis" / f"{stem}_REQUEST_DUIS.XML").read_text("utf-8"))
    assert found is not None
    return stem.split("_")[1], found[1]


async def answer(world, srv: str, body: str, device: str, cv: int) -> str:
    reply = await world.send(srv, body, cv=cv, device=device, service="T" if cv == 4 else "S")
    return str(reply.response_code)


@pytest.mark.parametrize(("stem", "device", "cv", "pattern", "by", "code", "place"), MUTANTS)
async def test_one_change_breaks_one_rule(world, stem, device, cv, pattern, by, code, place, eventually) -> None:
    srv, body = template(stem)
    if code == "E062803":
        body = body.replace("DutyCycleThreshold>1.3<", "DutyCycleThreshold>1.9<")
    mutant, changes = re.subn(pattern, by, body)
    if code == "E062401":
        body = body.replace("<sr:RemotePartyRole>NetworkOperator</sr:RemotePartyRole>", "")

    assert changes
    assert await answer(world, srv, mutant, device, cv) == code
    await eventually(lambda: refused(world, code))
    (entry,) = await refused(world, code)
    failed = entry.checks[-1]
    assert (failed.passed, failed.source) == (False, "service-request-processing.md 2, check 24")
    assert failed.expected
    assert place in failed.got
    assert await answer(world, srv, body, device, cv) in ("I0", "I99")


async def refused(world, code: str) -> list:
    from dccemu_runtime.journal import Filter

    return list(await world.journal.find(Filter(outcome=f"refused {code}"), 10))


async def test_6_22_configures_the_alerts_of_ones_own_role(world) -> None:
    srv, supplier = template("ECS25a_6.22_SUCCESS")
    _, network = template("ECS25b_6.22_SUCCESS")
    _, gas = template("GCS20_6.22_SUCCESS")

    assert await answer(world, srv, network, ESME, 1) == "E062202"
    assert await answer(world, srv, gas, GSME, 1) == "I99"
    assert await answer(world, srv, supplier, ESME, 1) == "I99"


async def test_6_28_is_for_a_dual_band_hub(world) -> None:
    srv, body = template("DBCH04_6.28_SUCCESS")

    await world.change_device(CHF, han_variant="Single Band")
    single = await answer(world, srv, body, CHF, 1)
    await world.change_device(CHF, han_variant="Dual Band")

    assert single == "E062801"
    assert await answer(world, srv, body, CHF, 1) == "I99"
