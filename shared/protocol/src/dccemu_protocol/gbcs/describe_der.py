"""DER payloads as a JSON-able tree, with the names of roles, usages, Devices and response codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import IntEnum

from ..errors import ProtocolError
from ..identifiers import Eui64
from ..pki import certificate as pki
from . import der_types as types
from .jsontree import Json, alert_code, coded, instant
from .names import code_texts

_USAGE_NAMES = {
    types.KeyUsage.DIGITAL_SIGNATURE: "digitalSignature",
    types.KeyUsage.KEY_AGREEMENT: "keyAgreement",
    types.KeyUsage.KEY_CERT_SIGN: "keyCertSign",
    types.KeyUsage.CRL_SIGN: "cRLSign",
}


def describe(payload: types.DerValue, code: int) -> Json:
    """The payload of a message of this message code."""
    tree: dict[str, Json] = {"protocol": "DER"}
    if isinstance(payload, tuple):
        tree["structure"] = "CredentialDetails"
        tree["roles"] = _value("roles", payload, code)
        return tree
    tree["structure"] = type(payload).__name__
    described = _value("", payload, code)
    return tree | described if isinstance(described, dict) else tree | {"value": described}


def _value(name: str, value: object, code: int) -> Json:
    named = _NAMED.get(name)
    match value:
        case None | bool() | str():
            return value
        case types.KeyUsage():
            return [text for usage, text in _USAGE_NAMES.items() if usage in value]
        case int() if named is not None:
            return named(value, code)
        case int():
            return value
        case bytes():
            return value.hex()
        case Eui64():
            return str(value)
        case datetime():
            return "cancel" if value == types.CANCEL else instant(value)
        case tuple():
            return [_value("role" if name == "roles" and isinstance(one, int) else "", one, code) for one in value]
        case types.Certificate():
            return _certificate(value)
        case types.CertificationRequest():
            return {"der": value.der.hex()}
        case _ if is_dataclass(value):
            holder = (
                "status of cell" if isinstance(value, types.RoleCredentials | types.ReplacementResult) else "status"
            )
            return {
                one.name: _value(holder if one.name == "status" else one.name, found, code)
                for one in fields(value)
                if (found := getattr(value, one.name)) is not None
            }
        case _:
            raise TypeError(f"{type(value).__name__} has no form")


def _certificate(certificate: types.Certificate) -> Json:
    try:
        parsed = pki.parse(certificate.der)
    except ProtocolError as error:
        return {"der": certificate.der.hex(), "error": error.detail}
    return {
        "subject": str(parsed.eui) if parsed.eui else parsed.subject,
        "role": None if parsed.role is None else f"{parsed.role:02X}",
        "usage": str(parsed.usage),
        "serial": str(parsed.serial),
        "issuer": parsed.issuer,
        "key_id": parsed.ski.hex(),
        "der": certificate.der.hex(),
    }


def _response_text(value: int, code: int) -> Json:
    return coded(value, code_texts().responses.get(code, {}))


def _enumerated(kind: type[IntEnum]) -> Callable[[int, int], Json]:
    texts = {one.value: one.name.lower().replace("_", " ") for one in kind}
    return lambda value, code: coded(value, texts)


_NAMED: Mapping[str, Callable[[int, int], Json]] = {
    "alert_code": lambda value, code: alert_code(value),
    "code": _response_text,
    "result": _response_text,
    "status": _response_text,
    "status of cell": lambda value, code: coded(value, code_texts().credential_status),
    "mode": lambda value, code: coded(value, code_texts().replacement_modes),
    "role": _enumerated(types.Role),
    "device_type": _enumerated(types.DeviceType),
    "method": _enumerated(types.JoinMethod),
    "cell_usage": _enumerated(types.CellUsage),
}
