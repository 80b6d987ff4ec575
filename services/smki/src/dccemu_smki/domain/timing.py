"""Times and rates of the SMKI, in UK local time where the standard means the day of people (smki.md section 5.5).

Batches run from 20:00 to 08:00. The ad hoc web service takes one CSR in 0.8 s between 07:00 and 20:00 and one in 4 s
otherwise. A batch is polled at most hourly. Results stay for 30 days.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

UK = ZoneInfo("Europe/London")
BATCH_OPENS, BATCH_CLOSES = time(20), time(8)
DAY_BEGINS, DAY_ENDS = time(7), time(20)
DAY_PACE, NIGHT_PACE = timedelta(seconds=0.8), timedelta(seconds=4)
POLL_PACE = timedelta(hours=1)
RESULTS_KEPT = timedelta(days=30)
DAILY_BATCH_CSRS, DAILY_PORTAL_CSRS = 50_000, 150
NIGHTLY_CAPACITY = 375_000
MAX_BATCH = 50_000
MAX_DEVICE_CERTIFICATES = 100

CRL_PUBLISHED_EVERY, CRL_USABLE = timedelta(hours=12), timedelta(hours=48)
ARL_PUBLISHED_EVERY, ARL_USABLE = timedelta(days=365), timedelta(days=365)
TARGET_AD_HOC, TARGET_BATCH = timedelta(seconds=30), timedelta(hours=24)


def is_batch_window(at: datetime) -> bool:
    """Whether batches run at an instant."""
    local = at.astimezone(UK).time()
    return local >= BATCH_OPENS or local < BATCH_CLOSES


def next_batch_window(at: datetime) -> datetime:
    """The instant at which batches may run next; the same instant when they may now."""
    if is_batch_window(at):
        return at
    local = at.astimezone(UK)
    return datetime.combine(local.date(), BATCH_OPENS, UK).astimezone(at.tzinfo)


def batch_window_began(at: datetime) -> datetime:
    """The beginning of the window that is open at an instant."""
    local = at.astimezone(UK)
    day = local.date() if local.time() >= BATCH_OPENS else local.date() - timedelta(days=1)
    return datetime.combine(day, BATCH_OPENS, UK).astimezone(at.tzinfo)


def batch_window_ends(at: datetime) -> datetime:
    """The end of the window that is open at an instant."""
    local = at.astimezone(UK)
    day = local.date() if local.time() < BATCH_CLOSES else local.date() + timedelta(days=1)
    return datetime.combine(day, BATCH_CLOSES, UK).astimezone(at.tzinfo)


def ad_hoc_pace(at: datetime) -> timedelta:
    """The least time between two ad hoc CSRs of one Party."""
    local = at.astimezone(UK).time()
    return DAY_PACE if DAY_BEGINS <= local < DAY_ENDS else NIGHT_PACE
