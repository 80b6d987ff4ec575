"""12.1 Request WAN Matrix: what coverage the SM WAN has at a property."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from dccemu_protocol.errors import ProtocolError

from .bodies import Content
from .ledger import Json

_SOURCE = "service-request-processing.md 12"


@dataclass(frozen=True, slots=True)
class WanArea:
    """Coverage of one region's WAN at a postcode; ``addresses`` narrows it where given."""

    region: str
    covered: bool
    available_from: date | None
    technology: str
    addresses: tuple[str, ...] = ()


def wanted_post_code(body: Content) -> str | None:
    """Give the postcode asked for, None where the UPRN is asked.

    Raises
    ------
    ProtocolError
        ``WAN_ADDRESS`` when there is not enough to search by.
    """
    address = body.part("PartialAddress")
    if address is None:
        return None
    post_code = address.text("PostCode")
    if len(post_code.replace(" ", "")) < 5:
        raise ProtocolError("WAN_ADDRESS", f"{post_code!r} is not a whole postcode", source=_SOURCE)
    return post_code


def wan_matrix(body: Content, areas: Iterable[WanArea]) -> dict[str, Json]:
    """Write the ``DSPWANMatrix`` that answers a request.

    Raises
    ------
    ProtocolError
        ``WAN_PROPERTY_UNKNOWN``.
    """
    address = body.part("PartialAddress")
    identifier = address.text("AddressIdentifier").casefold() if address else ""
    found = [
        area
        for area in areas
        if not area.addresses or not identifier or identifier in {one.casefold() for one in area.addresses}
    ]
    if not found:
        raise ProtocolError("WAN_PROPERTY_UNKNOWN", "no region has coverage data for the property", source=_SOURCE)
    responses: list[Json] = [_response(area) for area in found]
    return {"DSPWANMatrix": {"Request": dict(body.values), "DSPWANMatrixResponse": responses}}


def _response(area: WanArea) -> dict[str, Json]:
    values: dict[str, Json] = {
        "CSPRegion": area.region,
        "CSPRegionResponseCode": "I0",
        "CoverageAvailability": "true" if area.covered else "false",
    }
    if not area.covered and area.available_from:
        values["AnticipatedCoverageDate"] = area.available_from.isoformat()
    return {**values, "WANTechnology": area.technology, "ConnectivityLikelihood": "High" if area.covered else "Low"}
