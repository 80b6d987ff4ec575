"""How long a fault is felt: from the strike until final answers come as often as before, nearly."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SHARE = 0.9
"""Of the former rate: what counts as recovered (reliability.md section 4)."""
BEFORE = 3.0
WINDOW = 1.0
LASTING = 3.0


def rate(times: Sequence[float], begin: float, end: float) -> float:
    """Answers a second in [begin, end); ``times`` rise."""
    return (bisect_left(times, end) - bisect_left(times, begin)) / max(end - begin, 1e-9)


def back_after(
    times: Sequence[float], at: float, *, before: float, until: float, lasting: float = LASTING
) -> float | None:
    """Seconds from a strike to the first moment from which answers come at 90 % of the rate ``before``.

    They must do so over the second that follows and on average over ``lasting`` seconds, so that a burst of what had
    piled up is not taken for recovery. None: not seen in what was recorded ``until`` then.
    """
    enough = SHARE * before
    moments = [at, *times[bisect_left(times, at) :]]
    for moment in moments:
        if moment + max(lasting, WINDOW) > until:
            return None
        if rate(times, moment, moment + WINDOW) >= enough and rate(times, moment, moment + lasting) >= enough:
            return moment - at
    return None
