"""Which use case a Service Request becomes, and who is its originator (gbcs.md sections 5 and 15)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ...duis.document import Element
from ...duis.request import DuisRequest
from ...errors import ProtocolError
from ...identifiers import Eui64
from . import rules
from .catalogue import Catalogue, Service, UseCase, catalogue, version_number
from .elements import children, eui_octets, find, has, place, steps, text
from .model import DeviceView, TransformContext, is_poly_phase
from .rules import TransformError

UNKNOWN_VERSION: Final = (4, 0)
_OTHER_DEVICE: Final = steps("OtherDeviceID")
_KEY_AGREEMENT: Final = "KAPublicSecurityCredentials"
_NEVER_KNOWN: Final = frozenset({"CHF", "PPMID", "HCALCS"})
_SOURCE: Final = "gbcs.md section 15"


def choose_use_case(request: DuisRequest, context: TransformContext) -> UseCase:
    """The use case for a Service Request to a Device.

    Raises
    ------
    ProtocolError
        ``DEVICE_CANNOT`` when no Device of that type or kind performs the service, the rule of the Service Request
        Variant (``TARIFF_ELEMENT_KIND`` ...) when the body does not fit the Device, ``GBCS_VERSION_LACKS`` or a rule
        of its own when the Device's GBCS version has no such use case.
    """
    found = catalogue()
    srv = request.service_reference_variant
    device = context.device
    performed = _performed(srv, device.type, device.esme_variant)
    if not performed:
        raise TransformError(rules.DEVICE_CANNOT, f"{device.type} {device.eui} does not perform {srv}", source=_SOURCE)
    fitting = [candidate for candidate in performed if _fits_body(candidate[1], request.body, context)]
    if not fitting:
        raise _misfit(found, srv, request, device)
    version = version_number(device.gbcs_version) or UNKNOWN_VERSION
    for use_case, service in fitting:
        if (service.since is None or version >= service.since) and (service.until is None or version < service.until):
            return use_case
    rule = found.version_refusals.get(srv, rules.GBCS_VERSION_LACKS)
    raise TransformError(
        rule, f"GBCS version {device.gbcs_version} has no use case for it", place(request.body), _SOURCE
    )


@lru_cache(maxsize=4096)
def _performed(srv: str, device_type: str, esme_variant: str | None) -> tuple[tuple[UseCase, Service], ...]:
    """The use cases of a Service Request Variant that are for Devices of a type and kind."""
    return tuple(
        candidate
        for candidate in catalogue().candidates.get(srv, ())
        if device_type in candidate[1].devices and _fits_phases(candidate[1], esme_variant)
    )


def _misfit(found: Catalogue, srv: str, request: DuisRequest, device: DeviceView) -> ProtocolError:
    rule = found.refusals.get(srv, rules.DEVICE_CANNOT)
    return TransformError(
        rule,
        f"{request.body_name} with this content is not for {device.type} {device.eui}",
        place(request.body),
        _SOURCE,
    )


def _fits_phases(service: Service, esme_variant: str | None) -> bool:
    """Poly-phase or not; a Device of unknown variant is taken for single phase unless the body tells."""
    if service.phases is None or (not esme_variant and service.has):
        return True
    return (service.phases == "poly") == is_poly_phase(esme_variant)


def _fits_body(service: Service, body: Element, context: TransformContext) -> bool:
    if service.role is not None and service.role != context.user_role:
        return False
    for path in service.has:
        if find(body, path) is None:
            return False
    for path in service.lacks:
        if find(body, path) is not None:
            return False
    if service.equals is not None:
        path, value = service.equals
        found = find(body, path)
        if found is None or text(found) != value:
            return False
    if service.some is not None and not _is_among(body, *service.some):
        return False
    if service.none is not None and _is_among(body, *service.none):
        return False
    return service.others is None or _other_type(body, context) in service.others


def _is_among(body: Element, path: str, value: str) -> bool:
    return any(text(one) == value for one in children(body, path))


def _other_type(body: Element, context: TransformContext) -> str | None:
    found = find(body, _OTHER_DEVICE)
    return None if found is None else context.device_type(Eui64(eui_octets(found)))


def user_is_originator(use_case: UseCase, request: DuisRequest, context: TransformContext) -> bool:
    """Whether the User is the business originator, rather than the broker on his behalf (section 5).

    The User has to be known to the Device in a role that may originate the use case; hubs, PPMIDs and HCALCSs hold no
    credentials for it (a Command that a User signs is his in any case). A User who hands in a key agreement
    certificate asks as one that the Device does not know.
    """
    return (
        context.user_is_known
        and context.user_role in use_case.originators
        and context.device.type not in _NEVER_KNOWN
        and not has(request.body, _KEY_AGREEMENT)
    )
