"""Namespaces and qualified names of DUIS documents (duis.md section 2)."""

from __future__ import annotations

from typing import Final

SR: Final = "http://www.dccinterface.co.uk/ServiceUserGateway"
RA: Final = "http://www.dccinterface.co.uk/ResponseAndAlert"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"


def sr(local: str) -> str:
    """Give the Clark name of a DUIS element."""
    return f"{{{SR}}}{local}"


def local_name(tag: str) -> str:
    """Give the part of a Clark name after the namespace."""
    return tag.rpartition("}")[2]


REQUEST: Final = sr("Request")
RESPONSE: Final = sr("Response")
HEADER: Final = sr("Header")
BODY: Final = sr("Body")
REQUEST_ID: Final = sr("RequestID")
SIGNATURE: Final = f"{{{DS}}}Signature"
