"""How a Communications Hub gets a Command to a Device, or does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from .device import Behaviour


class Fate(StrEnum):
    """What becomes of a Command on its way."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The fate, how long it takes, and why."""

    fate: Fate
    delay: timedelta = timedelta()
    reason: str = ""


_AT_ONCE = Delivery(Fate.DELIVERED)


def deliver(device: Behaviour, hub: Behaviour | None, *, listed: bool, draw: float, jitter: float) -> Delivery:
    """Decide by the settings of Device and hub.

    Parameters
    ----------
    device, hub
        How they behave; no hub for a hub itself.
    listed
        Whether the hub's device log admits the Device.
    draw, jitter
        Random numbers from 0 to 1: whether the Command is lost, and how much of the jitter is added.
    """
    if not device.reachable or not device.powered:
        return Delivery(Fate.UNDELIVERED, reason="the Device is not reachable")
    if hub is not None and not (hub.reachable and hub.powered):
        return Delivery(Fate.UNDELIVERED, reason="the Communications Hub is not reachable")
    if not listed:
        return Delivery(Fate.UNDELIVERED, reason="the Device is not in the device log of its hub")
    if draw < device.loss or (hub is not None and hub.loss > 0 and draw < device.loss + hub.loss):
        return Delivery(Fate.LOST, reason="lost on the way")
    if device.silent:
        return Delivery(Fate.LOST, reason="the Device is silent")
    delay = device.latency_ms + device.jitter_ms * jitter
    if hub is not None:
        delay += hub.latency_ms + hub.jitter_ms * jitter
    return Delivery(Fate.DELIVERED, timedelta(milliseconds=delay)) if delay else _AT_ONCE
