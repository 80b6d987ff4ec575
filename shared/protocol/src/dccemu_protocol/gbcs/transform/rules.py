"""Names of the rules a request can break on its way to a GBCS message.

``catalogue/response_codes.json`` maps each name to the response code of the standard.
"""

from __future__ import annotations

from typing import Final

from ...errors import ProtocolError

DEVICE_CANNOT: Final = "DEVICE_CANNOT"
GBCS_VERSION_LACKS: Final = "GBCS_VERSION_LACKS"
ELEMENT_MISSING: Final = "TRANSFORM_ELEMENT_MISSING"
VALUE_OUT_OF_RANGE: Final = "TRANSFORM_VALUE_OUT_OF_RANGE"
DATE_OUT_OF_RANGE: Final = "TRANSFORM_DATE_OUT_OF_RANGE"
LIST_INCONSISTENT: Final = "TRANSFORM_LIST_INCONSISTENT"
TEXT_NOT_ENCODABLE: Final = "TRANSFORM_TEXT_NOT_ENCODABLE"
TWIN_ELEMENT: Final = "TRANSFORM_TWIN_ELEMENT"
BODY_CERTIFICATE: Final = "BODY_CERTIFICATE"
KEY_AGREEMENT_CERTIFICATE: Final = "KEY_AGREEMENT_CERTIFICATE"
USER_NOT_KNOWN: Final = "TRANSFORM_USER_NOT_KNOWN"
CANNOT_TRANSFORM: Final = "CANNOT_TRANSFORM"
PHASE_LIST: Final = "PHASE_LIST"
CREDENTIAL_MISSING: Final = "CREDENTIAL_MISSING"
DEMAND_NO_REGISTER: Final = "DEMAND_NO_REGISTER"
JOIN_DEVICE: Final = "JOIN_DEVICE"
WHITELIST_INSTALL_CODE: Final = "WHITELIST_INSTALL_CODE"
RESTORE_NO_HUB_BACKUP: Final = "RESTORE_NO_HUB_BACKUP"
RESTORE_NO_GPF_BACKUP: Final = "RESTORE_NO_GPF_BACKUP"


class TransformError(ProtocolError):
    """A request that cannot be expressed as a GBCS message for the Device."""

    def __init__(self, rule: str, detail: str, place: str = "", source: str = "gbcs.md section 14") -> None:
        super().__init__(rule, detail, place=place, source=source)
