"""The garbage collector of a process that runs for long and holds many objects."""

from __future__ import annotations

import gc


def begin() -> None:
    """Tell the collector to look seldom, called when a process starts.

    Loading a big inventory makes millions of objects and no cycles: with the defaults two fifths of the time of a
    rebuild went into searching them again and again.
    """
    gc.set_threshold(20_000, 50, 100)


def settle() -> None:
    """Tell the collector that what exists now stays.

    Called once when a process is ready: modules, models, projections and caches are then left out of every later
    search. A request makes some hundred objects and few cycles; with the defaults a third of the processor time of
    the message path went into searching for cycles that are not there.
    """
    gc.collect()
    gc.freeze()
    begin()
