"""DUIS: the messages between Users and the DCC as XML documents and as values."""

from .document import DEFAULT, Element, Limits, parse_document
from .request import DuisRequest, read_request, read_request_id, text_of
from .times import read_date_time, write_date_time

__all__ = [
    "DEFAULT",
    "DuisRequest",
    "Element",
    "Limits",
    "parse_document",
    "read_date_time",
    "read_request",
    "read_request_id",
    "text_of",
    "write_date_time",
]
