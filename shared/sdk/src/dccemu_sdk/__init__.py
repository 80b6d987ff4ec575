"""A client for Users of the DCC User Gateway: sign, send, correlate, receive, decode; and the admin port."""

from . import firmware
from .admin import AdminClient
from .counters import CounterSource
from .documents import address, signed_pre_command
from .errors import AnswerLost, GatewayError, KeyMissing, NoAnswer, NotCorrelated, SdkError
from .gateway import GatewayClient, client_tls
from .identity import Identity, open_keystore
from .patience import PatientGateway
from .receiver import Delivery, Receiver
from .session import Dcc, running
from .smki import DCCSigners, Directory, Repository
from .stack import Stack, State
from .user import Outcome, User, check_header, check_meaning

__all__ = [
    "AdminClient",
    "AnswerLost",
    "CounterSource",
    "DCCSigners",
    "Dcc",
    "Delivery",
    "Directory",
    "GatewayClient",
    "GatewayError",
    "Identity",
    "KeyMissing",
    "NoAnswer",
    "NotCorrelated",
    "Outcome",
    "PatientGateway",
    "Receiver",
    "Repository",
    "SdkError",
    "Stack",
    "State",
    "User",
    "address",
    "check_header",
    "check_meaning",
    "client_tls",
    "firmware",
    "open_keystore",
    "running",
    "signed_pre_command",
]
