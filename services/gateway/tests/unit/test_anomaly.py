"""Windows of threshold anomaly detection against a count made anew from a list each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dccemu_gateway.domain.anomaly import Anomalies
from dccemu_gateway.domain.windows import ALL_USERS
from dccemu_protocol.anomaly import Threshold

START = datetime(2026, 3, 1, tzinfo=UTC)
USERS, SERVICES = ("A", "B"), ("4.1.1", "7.1")


def threshold(srv: str, seconds: int, quarantine: int, warning: int | None = None) -> Threshold:
    return Threshold(srv, timedelta(seconds=seconds), warning, quarantine, START)


def watch(anomalies: Anomalies, owner: str, row: Threshold) -> None:
    anomalies.put_in_force(anomalies.prepare(owner, row.srv, [row]))


steps = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from(USERS), st.sampled_from(SERVICES), st.sampled_from(["keep", "back", "late"])
    ),
    max_size=60,
)


@given(steps=steps, own=st.integers(0, 4), dcc=st.integers(0, 6), seconds=st.integers(1, 100))
def test_no_window_ever_holds_more_than_its_threshold(steps, own: int, dcc: int, seconds: int) -> None:
    anomalies = Anomalies()
    watch(anomalies, "A", threshold("4.1.1", seconds, own))
    watch(anomalies, ALL_USERS, threshold("*", 60, dcc))
    accepted: list[tuple[datetime, str, str]] = []
    waiting = []
    now = START

    def counted(length: int, user: str | None, srv: str | None) -> int:
        everything = [*accepted, *[(at, one.user, one.srv) for at, one in waiting]]
        since = now - timedelta(seconds=length)
        return sum(at > since and user in (None, who) and srv in (None, what) for at, who, what in everything)

    for number, (pause, user, srv, fate) in enumerate(steps):
        now += timedelta(seconds=pause)
        is_mine = (user, srv) == ("A", "4.1.1")
        expected = (is_mine and counted(seconds, "A", "4.1.1") >= own) or counted(60, None, None) >= dcc

        passage = anomalies.enter(f"{number}", user, srv, now)

        assert (passage.breach is not None) is expected
        if passage.breach is not None:
            continue
        if fate == "keep":
            anomalies.settle(passage)
            accepted.append((now, user, srv))
        elif fate == "back":
            anomalies.give_back(passage)
        else:
            waiting.append((now, passage))


def test_the_users_own_threshold_is_told_before_the_dccs() -> None:
    anomalies = Anomalies()
    watch(anomalies, ALL_USERS, threshold("4.1.1", 60, 0))
    watch(anomalies, "A", threshold("*", 60, 0))

    own, other = (anomalies.enter(f"{user}", user, "4.1.1", START).breach for user in USERS)

    assert own is not None
    assert not own.by_dcc
    assert other is not None
    assert other.by_dcc


def test_a_warning_is_given_once_each_time_its_level_is_passed() -> None:
    anomalies = Anomalies()
    watch(anomalies, "A", threshold("4.1.1", 60, 9, warning=2))

    passages = [anomalies.enter(f"{n}", "A", "4.1.1", START + timedelta(seconds=n)) for n in range(6)]

    assert [bool(passage.warnings) for passage in passages] == [False, False, True, False, False, False]


def test_a_watch_made_meanwhile_counts_what_is_on_its_way_once() -> None:
    anomalies = Anomalies()
    settled = anomalies.enter("settled", "A", "4.1.1", START)
    kept, given_back = (anomalies.enter(name, "A", "4.1.1", START) for name in ("kept", "back"))
    anomalies.settle(settled)

    made = anomalies.prepare("A", "4.1.1", [threshold("4.1.1", 60, 9)])
    anomalies.settle(anomalies.enter("during", "A", "4.1.1", START))
    for key in ("settled", "kept", "during"):
        anomalies.load(made, key, START)
    anomalies.give_back(given_back)
    anomalies.settle(kept)
    anomalies.put_in_force(made)

    assert made.windows[60.0].count(START.timestamp()) == 3


def test_the_row_that_began_last_is_in_force() -> None:
    anomalies = Anomalies()
    exception = Threshold(
        "4.1.1", timedelta(seconds=60), None, 5, START + timedelta(hours=1), START + timedelta(hours=2), "campaign"
    )
    made = anomalies.prepare("A", "4.1.1", [threshold("4.1.1", 60, 1), exception])
    anomalies.put_in_force(made)

    levels = []
    for hours in (0, 0.99, 1, 1.99, 2, 1.5):
        at = START + timedelta(hours=hours)
        found = made.in_force(at.timestamp(), at)
        levels.append(found and found.quarantine)

    assert levels == [1, 1, 5, 5, 1, 5]
