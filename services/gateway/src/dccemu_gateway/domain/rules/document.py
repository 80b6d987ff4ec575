"""Checks 1 to 5: is it a Request, is it whole, who signed it (service-request-processing.md section 2)."""

from __future__ import annotations

from dccemu_protocol.duis import check_version, parse_document, read_request, read_request_id
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Usage
from dccemu_protocol.xmldsig import verify

from ..examination import Examination
from ..refusal import Refusal

XML_SIGNING_ROLE = 135
_SIGNER_ROLES = frozenset({XML_SIGNING_ROLE})
_SIGNER_RULES = {
    "CERTIFICATE_ROLE": "SIGNATURE_SIGNER_ROLE",
    "CERTIFICATE_USAGE": "SIGNATURE_SIGNER_USAGE",
    "CERTIFICATE_OWNER": "SIGNATURE_SIGNER_NOT_ORIGINATOR",
    "CERTIFICATE_REVOKED": "SIGNATURE_SIGNER_REVOKED",
    "ISSUER_REVOKED": "SIGNATURE_SIGNER_REVOKED",
    "CERTIFICATE_NOT_YET_VALID": "SIGNATURE_SIGNER_EXPIRED",
    "CERTIFICATE_EXPIRED": "SIGNATURE_SIGNER_EXPIRED",
}
"""Rules of the path check, as they are called for the signer of a Request; any other means that the path fails."""


def well_formed(examination: Examination) -> None:
    """2: well-formed XML without DTD, root ``Request``, RequestID readable. Failing is HTTP 400: nobody to answer."""
    outlined = None if examination.outlines is None else examination.outlines.find(examination.document)
    if outlined is not None:
        examination.outlined, examination.request_id = outlined, outlined.request_id
        return
    root = parse_document(examination.document, examination.policy.limits)
    examination.request_id = read_request_id(root)
    examination.root = root


def from_the_peer(examination: Examination) -> None:
    """1: the TLS peer's Party owns the originator of the RequestID. Failing is HTTP 403."""
    if examination.peer is None:
        return
    assert examination.request_id is not None
    originator = str(examination.request_id.originator)
    user = examination.directory.user(originator)
    owner = None if user is None else user.party
    if owner != examination.peer:
        raise Refusal(
            "PEER_OF_ANOTHER_PARTY",
            expected=f"an originator of Party {examination.peer}, which opened the connection",
            got=f"{originator}, " + ("of no known Party" if owner is None else f"of Party {owner}"),
            place="/Request/Header/RequestID",
        )


def schema_valid(examination: Examination) -> None:
    """3: valid against the schema, in a version that is known."""
    if examination.outlined is not None:  # It was found valid with its outline.
        examination.schema_version = examination.outlined.schema_version
        return
    root = examination.root
    assert root is not None
    check_version(root)
    examination.validate(root)
    examination.schema_version = root.get("schemaVersion", "").strip()


def signature_valid(examination: Examination) -> None:
    """4: the XML signature is of the profile and verifies; from here on only the verified tree is read."""
    outlined, outlines, root = examination.outlined, examination.outlines, examination.root
    if outlined is not None:
        outlined.verify(examination)
        examination.read(outlined.request())
        return
    assert root is not None
    verified = verify(root, examination, examination.document)
    examination.root = verified.root
    examination.read(read_request(verified.root, examination.request_id))
    if outlines is not None:
        outlines.learn(examination.document, verified.root)


def signer_is_the_user(examination: Examination) -> None:
    """5: an XML-signing certificate (role 135) of the originator, valid, of the SMKI, not on CRL or ARL."""
    signer = examination.signer
    assert signer is not None
    originator = examination.submitted.user
    try:
        examination.directory.rely_on(
            signer, examination.at, roles=_SIGNER_ROLES, usage=Usage.DIGITAL_SIGNATURE, owner=originator
        )
    except ProtocolError as error:
        raise Refusal(
            _SIGNER_RULES.get(error.rule, "SIGNATURE_SIGNER_PATH"),
            expected=f"a valid certificate of role {XML_SIGNING_ROLE} owned by {originator}",
            got=f"{error.rule}: {error.detail}",
            place="Signature/KeyInfo",
        ) from None
