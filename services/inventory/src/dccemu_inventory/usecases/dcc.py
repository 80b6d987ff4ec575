"""The DCC's own identifiers in its roles, as the inventory needs them for trust anchor cells."""

from __future__ import annotations

from dataclasses import dataclass, field

from dccemu_contracts.scenario import DccIdentifiers
from dccemu_contracts.trust_anchors import BROKER, COS, RECOVERY, WAN_PROVIDER


@dataclass(slots=True)
class DccParties:
    """Set when a scenario is seeded; the published identifiers until then."""

    identifiers: DccIdentifiers = field(default_factory=DccIdentifiers)

    def holders(self) -> dict[int, str]:
        """Give the DCC's party for each remote party role that is its own."""
        dcc = self.identifiers
        return {RECOVERY: dcc.recovery, BROKER: dcc.broker, COS: dcc.cos, WAN_PROVIDER: dcc.wan_provider}
