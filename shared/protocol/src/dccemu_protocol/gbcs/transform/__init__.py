"""From DUIS Service Requests to GBCS Commands.

``transform`` chooses the use case, reads the values the use case names out of the body and builds the message;
``catalogue`` is the one place that knows the use cases (data); the other modules are the value sources they are made
of.
"""

from .catalogue import Catalogue, UseCase, catalogue
from .choice import choose_use_case, user_is_originator
from .command import change_of_supplier, command_from_pre_command, transform
from .model import ChfLogBackup, DeviceView, Signer, TransformContext, Transformed, UserRole
from .rules import TransformError

__all__ = [
    "Catalogue",
    "ChfLogBackup",
    "DeviceView",
    "Signer",
    "TransformContext",
    "TransformError",
    "Transformed",
    "UseCase",
    "UserRole",
    "catalogue",
    "change_of_supplier",
    "choose_use_case",
    "command_from_pre_command",
    "transform",
    "user_is_originator",
]
