"""What simulated Devices do with Commands: given the decoded Command and the Device's state, the Response.

``rules`` is data: who may send each message code, how it is protected, which objects a Device has. ``reply`` puts a
Response together, ``firing`` carries out what was future-dated, ``alerts`` makes Alerts. Nothing here does I/O: time,
state and new keys come in as arguments, and what changes is the :class:`~.state.Draft`.
"""

from .alerts import NoRecipient, alert
from .billing import billing_alert
from .firing import fire
from .initial import switch_on
from .occasion import AlertOrder, Content, Occasion
from .reply import Unprotected, carry_out, respond, rules_of, unsupported
from .rules import MessageRules, rules
from .state import DeviceFacts, Draft, Value

__all__ = [
    "AlertOrder",
    "Content",
    "DeviceFacts",
    "Draft",
    "MessageRules",
    "NoRecipient",
    "Occasion",
    "Unprotected",
    "Value",
    "alert",
    "billing_alert",
    "carry_out",
    "fire",
    "respond",
    "rules",
    "rules_of",
    "switch_on",
    "unsupported",
]
