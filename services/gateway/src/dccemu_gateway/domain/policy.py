"""Numbers and switches that the checks obey: what the reference calls a project decision or a setting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dccemu_protocol.duis import DEFAULT, Limits


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of the access control.

    ``past_allowance`` and ``furthest_future`` bound ExecutionDateTime (service-request-processing.md section 9).
    ``compare_pre_command`` switches check 7c. ``refuse_without_consent`` makes an Other User's request for consumption
    data or for a Type 2 Device fail where no consent is recorded; else the audit trail says so (section 14).
    """

    dcc: str
    limits: Limits = DEFAULT
    past_allowance: timedelta = timedelta(seconds=60)
    furthest_future: timedelta = timedelta(days=30)
    pre_command_life: timedelta = timedelta(hours=24)
    compare_pre_command: bool = True
    refuse_without_consent: bool = False
