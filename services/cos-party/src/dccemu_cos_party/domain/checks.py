"""Every check of the CoS Party, in order, made from its own data (cos-party.md section 3 B): one table.

Stop at the first failure. The codes of ``ECoSErrorCode`` (three characters) are this project's assignment: C and the
number of the check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.entitlement import points_of, registered_at
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol import catalogue, xmldsig
from dccemu_protocol.duis import DuisRequest, parse_document, read_request, validate
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import RequestId
from dccemu_protocol.pki import SmkiCertificate, Usage, check_path, rules

from .evidence import Evidence
from .ngi import derive_request, read_document, verify_document
from .request import SUPPLIER_ROLE, CosContent, read_content, usage_of
from .threshold import Counts, Thresholds, check_thresholds

_SOURCE = "cos-party.md 3 B"
_DEVICE_TYPES = frozenset({"ESME", "GSME", "GPF", "HCALCS"})
_TOP_UP_TYPES = frozenset({"ESME", "GSME", "GPF"})
_CLOSED = frozenset({"Pending", "Decommissioned", "Withdrawn"})
_XML_SIGNING_ROLE = 135
_DATES = frozenset({rules.CERTIFICATE_EXPIRED, rules.CERTIFICATE_NOT_YET_VALID})


@dataclass(slots=True)
class Case:
    """One request under examination: what is known at the start, and what the checks find out."""

    document: bytes
    request_id: RequestId
    now: datetime
    evidence: Evidence
    seen_before: bool
    counts: Counts
    thresholds: Thresholds
    released: bool = False
    submitter: str = "gateway"
    request: DuisRequest | None = None
    content: CosContent | None = None

    @property
    def user(self) -> str:
        return str(self.request_id.originator)

    @property
    def found(self) -> tuple[DuisRequest, CosContent]:
        assert self.request is not None
        assert self.content is not None
        return self.request, self.content

    @property
    def execution(self) -> datetime | None:
        """The execution time; None for now and for a cancellation."""
        request, _ = self.found
        return None if request.is_cancellation else request.execution_date_time

    @property
    def at(self) -> datetime:
        """The instant at which registration counts."""
        return max(self.execution or self.now, self.now)

    def device(self) -> DeviceFact:
        """Give the target's record in the CoS Party's copy of the inventory."""
        found = self.evidence.records.device(str(self.request_id.target))
        if found is None:
            raise ProtocolError("COS_MPXN", f"{self.request_id.target} is not in the inventory", source=_SOURCE)
        return found


@dataclass(frozen=True, slots=True)
class CosRule:
    """A row: number and words of cos-party.md, the check, and whether a failure is a security event."""

    number: int
    title: str
    check: Callable[[Case], None]
    security_event: bool = False

    @property
    def ecos_code(self) -> str:
        return f"C{self.number:02d}"


class _Signers:
    """The signers of Service Requests: certificates of the repository; who may sign what is checked afterwards."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        certificate = self._evidence.signer(issuer, serial)
        return None if certificate is None else certificate.public_key


def _form(case: Case) -> None:
    if case.submitter == "ngi":
        request = derive_request(read_document(case.document), case.request_id, case.device().type)
    else:
        root = parse_document(case.document)
        validate(root)
        request = read_request(root)
    if request.service_reference_variant != "6.23" or request.body_name != "UpdateSecurityCredentialsCoS":
        detail = f"{request.service_reference_variant} with {request.body_name} is not 6.23"
        raise ProtocolError("REFERENCE_MISMATCH", detail, source=_SOURCE)
    if request.command_variant not in catalogue.service_requests["6.23"].command_variants:
        raise ProtocolError("CV_NOT_ALLOWED", f"6.23 has no command variant {request.command_variant}", source=_SOURCE)
    if request.request_id != case.request_id:
        raise ProtocolError("BAD_REQUEST_ID", "the document has another RequestID than its envelope", source=_SOURCE)
    if case.seen_before:
        raise ProtocolError("DUPLICATE_REQUEST", f"{case.request_id} was handed over before", source=_SOURCE)


def _signature(case: Case) -> None:
    if case.submitter == "ngi":
        # Section 6: the Supplier's own digital signing certificate over the request of the Non-Gateway Interface.
        document = read_document(case.document)
        signer = case.evidence.signer(document.issuer, document.serial)
        if signer is None:
            detail = f"no certificate {document.serial:X} of {document.issuer[:80]!r}"
            raise ProtocolError("SIGNATURE_SIGNER_UNKNOWN", detail, source=_SOURCE)
        _check_signer(case, signer, SUPPLIER_ROLE)
        verify_document(document, signer)
        case.request = derive_request(document, case.request_id, case.device().type)
        return
    verified = xmldsig.verify(parse_document(case.document), _Signers(case.evidence))
    signer = case.evidence.signer(verified.issuer, verified.serial)
    assert signer is not None
    _check_signer(case, signer, _XML_SIGNING_ROLE)
    # From here on only what the signature covers is used.
    case.request = read_request(verified.root)


def _check_signer(case: Case, signer: SmkiCertificate, role: int) -> None:
    try:
        check_path(
            signer,
            case.evidence.store,
            case.now,
            roles={role},
            usage=Usage.DIGITAL_SIGNATURE,
            owner=case.request_id.originator,
        )
    except ProtocolError as error:
        raise ProtocolError(
            _SIGNER_RULES.get(error.rule, "SIGNATURE_SIGNER_PATH"), error.detail, source=_SOURCE
        ) from None


_SIGNER_RULES = {
    rules.CERTIFICATE_ROLE: "SIGNATURE_SIGNER_ROLE",
    rules.CERTIFICATE_USAGE: "SIGNATURE_SIGNER_USAGE",
    rules.CERTIFICATE_OWNER: "SIGNATURE_SIGNER_NOT_ORIGINATOR",
    rules.CERTIFICATE_EXPIRED: "SIGNATURE_SIGNER_EXPIRED",
    rules.CERTIFICATE_NOT_YET_VALID: "SIGNATURE_SIGNER_EXPIRED",
    rules.CERTIFICATE_REVOKED: "SIGNATURE_SIGNER_REVOKED",
}


def _replacements(case: Case) -> None:
    assert case.request is not None
    case.content = read_content(case.request)
    for name, certificate in case.content.certificates.items():
        if certificate.role != SUPPLIER_ROLE:
            raise _certificate(name, f"has Remote Party Role {certificate.role}, not 2")
        if certificate.usage is not usage_of(name):
            raise _certificate(name, f"is for {certificate.usage.value}")
        if certificate.eui != case.request_id.originator:
            raise _certificate(name, f"belongs to {certificate.eui}, the sender is {case.user}")


def _certificate(name: str, detail: str) -> ProtocolError:
    return ProtocolError("COS_CERTIFICATE", f"{name} {detail}", place=name, source=_SOURCE)


def _reliance(case: Case) -> None:
    _, content = case.found
    for member in content.path:
        if not member.is_authority:
            raise _certificate("CertificationPathCertificates", f"{member.serial_hex} is not a CA's")
        _rely("CertificationPathCertificates", member, case, apply_dates=content.apply_time_checks)
    for name, certificate in content.certificates.items():
        if not case.evidence.is_in_use(certificate):
            raise _certificate(name, f"{certificate.serial_hex} is not in use in the repository")
        _rely(name, certificate, case, apply_dates=content.apply_time_checks)
        issuer = case.evidence.store.issuer_of(certificate)
        if issuer not in content.path:
            raise _certificate(name, f"{issuer.subject} is not among the path certificates")


def _rely(name: str, certificate: SmkiCertificate, case: Case, *, apply_dates: bool) -> None:
    # ApplyTimeBasedCPVChecks false: judged at an instant inside the certificate's own validity.
    at = case.now if apply_dates else min(max(case.now, certificate.not_before), certificate.not_after)
    try:
        check_path(certificate, case.evidence.store, at)
    except ProtocolError as error:
        if error.rule in _DATES and not apply_dates:
            return
        raise _certificate(name, error.detail) from None


def _device_and_point(case: Case) -> None:
    _, content = case.found
    device = case.device()
    if device.type not in _DEVICE_TYPES or device.status in _CLOSED:
        detail = f"{device.device} is a {device.type} that is {device.status}"
        raise ProtocolError("COS_MPXN", detail, source="cos-party.md 3 A")
    if content.mpxn not in points_of(device, "any", case.evidence.records):
        detail = f"{content.mpxn} is not associated with {device.device}"
        raise ProtocolError("COS_MPXN", detail, place="ImportMPxN", source=_SOURCE)


def _registration(case: Case) -> None:
    _, content = case.found
    if not registered_at(case.evidence.records, content.mpxn, case.user, ("IS", "GS"), case.at):
        detail = f"{case.user} is not the registered Supplier of {content.mpxn} at {case.at.isoformat()}"
        raise ProtocolError("COS_NOT_REGISTERED", detail, source=_SOURCE)


def _set_fits(case: Case) -> None:
    _, content = case.found
    names = content.certificates
    if "KeyAgreementTopUpCertificate" in names and case.device().type not in _TOP_UP_TYPES:
        detail = f"a {case.device().type} has no top-up cell"
        raise ProtocolError("COS_TOP_UP_CERTIFICATE", detail, source=_SOURCE)
    for name in ("DigitalSigningCertificate", "KeyAgreementCertificate"):
        if name not in names:
            raise _certificate(name, "is missing")


def _thresholds(case: Case) -> None:
    if not case.released:
        check_thresholds(case.user, case.counts, case.thresholds)


def _floors(case: Case) -> None:
    """Read already by ``read_content``: 0 to 2^63 - 1, none is compared with the past."""


RULES: tuple[CosRule, ...] = (
    CosRule(1, "schema-valid, service 6.23, RequestID not processed before", _form),
    CosRule(2, "signature, signer's certificate and path, signer is the User ID of the RequestID", _signature, True),
    CosRule(3, "replacement certificates: role 02, key usages in place, owner is the sender", _replacements),
    CosRule(4, "certificates in use, not revoked, path to the Root by the given path certificates", _reliance),
    CosRule(5, "ImportMPxN is the Device's", _device_and_point),
    CosRule(6, "sender is the registered Supplier at the execution time", _registration),
    CosRule(7, "certificate set fits the Device", _set_fits),
    CosRule(8, "anomaly thresholds", _thresholds),
    CosRule(9, "floor sequence numbers", _floors),
)
THRESHOLD_RULE = next(rule for rule in RULES if rule.check is _thresholds)


class Refused(Exception):
    """A check failed: ``rule`` is the row, ``error`` what it found."""

    def __init__(self, rule: CosRule, error: ProtocolError) -> None:
        super().__init__(str(error))
        self.rule = rule
        self.error = error


def examine(case: Case) -> None:
    """Run the table.

    Raises
    ------
    Refused
        At the first failure.
    """
    for rule in RULES:
        try:
            rule.check(case)
        except ProtocolError as error:
            raise Refused(rule, error) from None
