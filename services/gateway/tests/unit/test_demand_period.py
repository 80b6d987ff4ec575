"""6.18.1: the period over which demand is measured ends after its start (E061802)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from lxml import etree

from dccemu_gateway.domain.refusal import Refusal
from dccemu_gateway.domain.rules.services.settings import demand_period_has_length
from dccemu_protocol import catalogue

BODY = """<sr:SetMaximumDemandConfigurableTimePeriod xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway">
<sr:MaximumDemandTimePeriodSchedule><sr:StartTime>{}</sr:StartTime><sr:EndTime>{}</sr:EndTime>
</sr:MaximumDemandTimePeriodSchedule></sr:SetMaximumDemandConfigurableTimePeriod>"""


def check(start: str, end: str) -> None:
    body = etree.fromstring(BODY.format(start, end))
    demand_period_has_length(SimpleNamespace(submitted=SimpleNamespace(body=body)))  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["17:00:00.00Z", "05:00:00.00Z"])
def test_a_period_that_does_not_end_after_its_start_is_refused(end: str) -> None:
    with pytest.raises(Refusal) as refused:
        check("17:00:00.00Z", end)

    assert catalogue.response_code(refused.value.rule) == "E061802"
    assert refused.value.place == "EndTime"


def test_the_published_period_is_fine() -> None:
    check("17:00:00.00Z", "22:00:00.00Z")
