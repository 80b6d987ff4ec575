"""DUIS: the messages between Users and the DCC as XML documents and as values."""

from . import responses
from .document import DEFAULT, Element, Limits, parse_document
from .request import SIGNED_PRE_COMMAND, DuisRequest, read_request
from .response import DuisResponse, read_response, tree_of
from .responses import AnsweredRequest, Throttling
from .root import KNOWN_VERSIONS, check_version, read_request_id, text_of
from .schema import validate
from .times import read_date_time, write_date_time

__all__ = [
    "DEFAULT",
    "KNOWN_VERSIONS",
    "SIGNED_PRE_COMMAND",
    "AnsweredRequest",
    "DuisRequest",
    "DuisResponse",
    "Element",
    "Limits",
    "Throttling",
    "check_version",
    "parse_document",
    "read_date_time",
    "read_request",
    "read_request_id",
    "read_response",
    "responses",
    "text_of",
    "tree_of",
    "validate",
    "write_date_time",
]
