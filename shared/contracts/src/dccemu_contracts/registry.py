"""All messages of the bus, found in the modules of this package."""

from __future__ import annotations

from . import alerts, consent, controls, cos, firmware, inventory, smki, wan
from .envelope import Contract

_MODULES = (alerts, consent, controls, cos, firmware, inventory, smki, wan)

#: Every message, ordered by topic and name.
MESSAGES: tuple[type[Contract], ...] = tuple(
    sorted(
        {
            value
            for module in _MODULES
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Contract) and value is not Contract
        },
        key=lambda model: (model.topic.name, model.__name__),
    )
)
