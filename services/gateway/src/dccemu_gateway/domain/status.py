"""SMI status and what may be sent then (service-request-processing.md sections 3 and 4), as tables."""

from __future__ import annotations

from collections.abc import Callable

from dccemu_protocol.catalogue import LOCAL_DELIVERY_VARIANTS, ServiceRequestVariant

OFF_LIST_SERVICES = frozenset(
    [
        "11.1",
        "11.2",
        "11.3",
        "11.4",
        "6.15.1",
        "6.21",
        "6.23",
        "6.24.1",
        "8.2",
        "8.3",
        "8.4",
        "8.9",
        "8.13",
        "5.2",
        "5.3",
    ]
)
"""What may be sent to a Device off the Central Products List (section 4)."""

_RECOVERY = frozenset({"6.15.1", "6.21", "6.23"})
_INSTALLATION = frozenset({"8.1.1", "8.7.1", "8.7.2", "8.8.1", "8.8.2", "8.12.1", "8.12.2", "6.11"})
"""8.12 among them: a new Gas Proxy Function gets its log before the gas meter joins and commissions it."""


def is_read(variant: ServiceRequestVariant) -> bool:
    """Whether a service only reads: groups 4 and 6.2, 6.13, 6.24.1, 8.9, 11.2 [P]."""
    srv = variant.srv
    return srv.startswith(("4.", "6.2.")) or srv in {"6.13", "6.24.1", "6.12", "8.9", "11.2"}


def _any(_variant: ServiceRequestVariant, _command_variant: int) -> bool:
    return True


def _none(_variant: ServiceRequestVariant, _command_variant: int) -> bool:
    return False


def _local(_variant: ServiceRequestVariant, command_variant: int) -> bool:
    return command_variant in LOCAL_DELIVERY_VARIANTS


def _installing(variant: ServiceRequestVariant, command_variant: int) -> bool:
    """8.1.1, 8.7, 8.8, 8.12, reads of group 6, 6.11, local Commands; a critical one may be transformed first."""
    if command_variant in LOCAL_DELIVERY_VARIANTS or command_variant == 4 or variant.srv in _INSTALLATION:
        return True
    return variant.srv.startswith("6.") and is_read(variant)


def _suspended(variant: ServiceRequestVariant, _command_variant: int) -> bool:
    return variant.srv in OFF_LIST_SERVICES


def _recovering(variant: ServiceRequestVariant, _command_variant: int) -> bool:
    return variant.srv in _RECOVERY


def _recovered(variant: ServiceRequestVariant, _command_variant: int) -> bool:
    return variant.srv in _RECOVERY or is_read(variant)


ALLOWED: dict[str, tuple[str, Callable[[ServiceRequestVariant, int], bool]]] = {
    "Pending": ("local Commands needed to install", lambda v, cv: _local(v, cv) or cv == 4),
    "Whitelisted": ("8.1.1, 8.7, 8.8, reads of group 6, 6.11, local Commands", _installing),
    "InstalledNotCommissioned": ("8.1.1, 8.7, 8.8, 8.12, reads of group 6, 6.11, local Commands", _installing),
    "Commissioned": ("any device request", _any),
    "Suspended": ("what brings a Device back to the Central Products List", _suspended),
    "Decommissioned": ("no device request", _none),
    "Withdrawn": ("no device request", _none),
    "Recovery": ("6.15.1, 6.21 and 6.23", _recovering),
    "Recovered": ("6.15.1, 6.21, 6.23 and reads", _recovered),
}
"""Status: what it allows in words, and the test. Type 2 Devices have no status: everything their type allows."""
