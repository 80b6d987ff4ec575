"""Story steps made into Service Request documents: names, times, certificates and kept values filled in."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from dccemu_protocol import catalogue
from dccemu_protocol.duis import write_date_time
from dccemu_protocol.duis.names import SR
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, SmkiCertificate, Usage

from .paths import Json

_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?\Z"
)
_KEPT = re.compile(r"\{([a-z_]+)\}")


def duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of days, hours, minutes and seconds.

    Raises
    ------
    ProtocolError
        ``BAD_STORY``.
    """
    found = _DURATION.match(text)
    if found is None or text in ("P", "-P"):
        raise ProtocolError("BAD_STORY", f"{text!r} is not a duration such as P1DT12H")
    parts = {name: int(value) for name, value in found.groupdict().items() if name != "sign" and value}
    length = timedelta(**parts)
    return -length if found["sign"] else length


class Filling:
    """What steps may refer to.

    Parameters
    ----------
    store
        The Users' certificates.
    issuers
        The issuing authorities' certificates, asked for when needed.
    now
        The suite's clock.
    kept
        Values that earlier steps kept.
    """

    def __init__(
        self,
        store: Keystore,
        issuers: Callable[[], list[SmkiCertificate]],
        now: Callable[[], datetime],
        kept: Mapping[str, str],
    ) -> None:
        self._store = store
        self._issuers = issuers
        self._now = now
        self._kept = kept

    def text(self, template: str) -> str:
        """Put kept values in the place of their names in braces."""
        return _KEPT.sub(lambda found: self._kept.get(found[1], found[0]), template)

    def value(self, value: Json) -> Json:
        """Fill in a value wherever it stands."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            special = self._special(value)
            return special if special is not None else {name: self.value(one) for name, one in value.items()}
        return value

    def _special(self, value: Mapping[str, Json]) -> str | None:
        if "$certificate" in value:
            return _base64(self._certificate(value["$certificate"]))
        if "$issuer" in value:
            return _base64(self._issuer_of(self._certificate(value["$issuer"])))
        if "$now" in value:
            return write_date_time(self._now() + duration(str(value["$now"] or "PT0S")))
        if "$kept" in value:
            name = str(value["$kept"])
            if name not in self._kept:
                raise ProtocolError("BAD_STORY", f"nothing was kept as {name!r}")
            return self._kept[name]
        return None

    def _certificate(self, wanted: Json) -> SmkiCertificate:
        if not isinstance(wanted, dict):
            raise ProtocolError("BAD_STORY", "a certificate is named by eui, role and usage")
        eui, usage = Eui64.parse(str(wanted["eui"])), Usage.of(str(wanted.get("usage", "digitalSignature")))
        role, top_up = int(str(wanted["role"])), bool(wanted.get("top_up", False))
        found = [
            entry.certificate
            for entry in self._store.entries(eui, usage, role, top_up=top_up)
            if entry.certificate is not None and entry.certificate.not_after > self._now()
        ]
        if not found:
            raise ProtocolError("BAD_STORY", f"the Users' keys hold no certificate of {eui}, role {role}, {usage}")
        return found[0]

    def _issuer_of(self, certificate: SmkiCertificate) -> SmkiCertificate:
        for issuer in self._issuers():
            if issuer.ski == certificate.aki and issuer.subject == certificate.issuer:
                return issuer
        raise ProtocolError("BAD_STORY", f"no issuing authority {certificate.issuer}")

    def document(
        self, user: str, target: str, srv: str, command_variant: int | None, body: Mapping[str, Json]
    ) -> bytes:
        """Write the unsigned Service Request of a step."""
        variant = catalogue.service_requests.get(srv)
        if variant is None:
            raise ProtocolError("BAD_STORY", f"there is no Service Request Variant {srv}")
        if command_variant is None:
            command_variant = 8 if variant.non_device else 4 if variant.critical else 1
        header = (
            f"<RequestID>{user}:{target}:1</RequestID><CommandVariant>{command_variant}</CommandVariant>"
            f"<ServiceReference>{variant.service_reference}</ServiceReference>"
            f"<ServiceReferenceVariant>{srv}</ServiceReferenceVariant>"
        )
        content = "".join(_element(name, self.value(value)) for name, value in body.items())
        return (
            f'<Request xmlns="{SR}" schemaVersion="5.4"><Header>{header}</Header><Body>{content}</Body></Request>'
        ).encode()


def _base64(certificate: SmkiCertificate) -> str:
    return base64.b64encode(certificate.der).decode()


def _element(name: str, value: Json) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, dict):
        inner = "".join(_element(child, one) for child, one in value.items())
        return f"<{name}>{inner}</{name}>"
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = "" if value is None else escape(str(value))
    return f"<{name}>{text}</{name}>"
