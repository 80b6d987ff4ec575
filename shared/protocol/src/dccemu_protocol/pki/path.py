"""The path check: one function for validity, CRL, ARL, policy, role, used by every service (smki.md sections 2 and 7).

A :class:`TrustStore` holds what the SMKI has published: CA certificates, certificates pinned by serial number, and
what is revoked. :func:`check_path` asks it. Several trust roots may be in one store: minted, imported and pinned ones.

The published test PKI needs two exceptions, both explicit in the store. Its XML-signing certificates name an issuer
that never signed them, so they are *pinned*: trusted by issuer and serial when the octets are the very ones.
Its generations have partly run out, so certificates of an issuer that is *undated* are not refused for their dates,
unless ``enforce_dates`` is set.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from ..errors import ProtocolError
from ..identifiers import Eui64
from . import rules
from .certificate import SmkiCertificate
from .names import ACCEPTED_POLICIES, Kind, Usage, canonical_issuer

_SOURCE = "smki.md sections 2 and 7; service-request-processing.md section 2, check 5"
_MAX_VERIFIED = 65_536
_MAX_PATH = 3
_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class GoodPath(NamedTuple):
    """A certificate and its CAs up to an anchor; ``since`` and ``until`` bound the time in which all are valid."""

    members: tuple[SmkiCertificate, ...]
    since: datetime
    until: datetime


class TrustStore:
    """What is trusted, and what is revoked.

    Parameters
    ----------
    enforce_dates
        Judge the dates of undated trees and pinned certificates as well.
    policies
        Certificate policies that are accepted.
    """

    def __init__(self, *, enforce_dates: bool = False, policies: Collection[str] = ACCEPTED_POLICIES) -> None:
        self.enforce_dates = enforce_dates
        self.policies = frozenset(policies)
        self._authorities: dict[bytes, list[SmkiCertificate]] = {}
        self._anchors: set[SmkiCertificate] = set()
        self._undated: set[tuple[str, int]] = set()
        self._pinned: dict[tuple[str, int], bytes] = {}
        self._revoked: dict[tuple[str, int], str] = {}
        self._verified: dict[tuple[bytes, bytes], None] = {}
        # Paths of certificates neither revoked nor pinned that were found good, until anything else is trusted or
        # revoked; dates are judged each time.
        self._good: dict[bytes, GoodPath] = {}

    def add_anchor(self, certificate: SmkiCertificate, *, dated: bool = True) -> None:
        """Trust a CA certificate by itself: a root, or an issuing CA whose root is not to be had (ZAZ1)."""
        self._anchors.add(certificate)
        self._good.clear()
        self.add_authority(certificate, dated=dated)

    def add_authority(self, certificate: SmkiCertificate, *, dated: bool = True) -> None:
        """Know a CA certificate; it is trusted when its own path leads to an anchor."""
        if not certificate.is_authority:
            raise ProtocolError(
                rules.CERTIFICATE_PATH, f"{certificate.serial_hex} is not the certificate of a CA", source=_SOURCE
            )
        known = self._authorities.setdefault(certificate.ski, [])
        if certificate not in known:
            known.append(certificate)
            self._good.clear()
        if not dated:
            self._undated.add(_key(certificate))
            self._good.clear()

    def pin(self, certificate: SmkiCertificate) -> None:
        """Trust these octets under their issuer and serial, whatever their path."""
        self._pinned[_key(certificate)] = certificate.der
        self._good.clear()

    def revoke(self, issuer: str, serial: int, reason: str = "unspecified") -> None:
        """Note a serial of the CRL or ARL; it stays there."""
        self._revoked[(canonical_issuer(issuer), serial)] = reason
        self._good.clear()

    def learn(self, certificate: SmkiCertificate, *, pinned: bool = False, dated: bool = True) -> None:
        """Take a certificate as the SMKI published it: root, issuing or pinned; others need no place here."""
        if certificate.is_authority and (pinned or certificate.kind is Kind.ROOT):
            self.add_anchor(certificate, dated=dated)
        elif certificate.is_authority:
            self.add_authority(certificate, dated=dated)
        elif pinned:
            self.pin(certificate)

    def is_revoked(self, certificate: SmkiCertificate) -> bool:
        """Whether its serial is on a list of its issuer."""
        return _key(certificate) in self._revoked

    def revocation_reason(self, certificate: SmkiCertificate) -> str | None:
        return self._revoked.get(_key(certificate))

    def is_pinned(self, certificate: SmkiCertificate) -> bool:
        """Whether exactly these octets are trusted by serial."""
        return self._pinned.get(_key(certificate)) == certificate.der

    def is_anchor(self, certificate: SmkiCertificate) -> bool:
        return certificate in self._anchors

    def known_path(self, certificate: SmkiCertificate) -> GoodPath | None:
        """The path of a certificate that was relied on before, if nothing was trusted or revoked since."""
        return self._good.get(certificate.der)

    def good_path(self, certificate: SmkiCertificate) -> GoodPath:
        """The certificate and its CAs up to an anchor, all of an accepted policy, none revoked.

        Under an undated CA it is valid for all time, unless dates are enforced.

        Raises
        ------
        ProtocolError
            ``ISSUER_REVOKED``, ``CERTIFICATE_ISSUER_UNKNOWN``, ``CERTIFICATE_SIGNATURE``, ``CERTIFICATE_PATH`` or
            ``CERTIFICATE_POLICY``.
        """
        found = self._good.get(certificate.der)
        if found is None:
            members = tuple(_path(certificate, self))
            _check_policies(members, self.policies)
            if any(self.is_undated(authority) for authority in members):
                found = GoodPath(members, _EVER, _NEVER)
            else:
                found = GoodPath(members, max(one.not_before for one in members), min(one.not_after for one in members))
            if len(self._good) >= _MAX_VERIFIED:
                self._good.clear()
            if not self.is_revoked(certificate) and not self.is_pinned(certificate):
                self._good[certificate.der] = found
        return found

    def is_undated(self, certificate: SmkiCertificate) -> bool:
        return not self.enforce_dates and _key(certificate) in self._undated

    def issuer_of(self, certificate: SmkiCertificate) -> SmkiCertificate:
        """The CA that truly signed it, by issuer name, key identifier and signature.

        Raises
        ------
        ProtocolError
            ``CERTIFICATE_ISSUER_UNKNOWN`` or ``CERTIFICATE_SIGNATURE``.
        """
        if certificate.aki is not None:
            named = self._authorities.get(certificate.aki, [])
        else:
            named = [authority for group in self._authorities.values() for authority in group]
        candidates = [authority for authority in named if authority.subject == certificate.issuer]
        if not candidates:
            raise ProtocolError(
                rules.CERTIFICATE_ISSUER_UNKNOWN,
                f"no CA certificate of {certificate.issuer} for {certificate.serial_hex}",
                source=_SOURCE,
            )
        for authority in candidates:
            pair = (certificate.der, authority.point)
            if pair in self._verified:
                return authority
            try:
                certificate.verify_signed_by(authority.public_key)
            except ProtocolError:
                continue
            if len(self._verified) >= _MAX_VERIFIED:
                self._verified.clear()
            self._verified[pair] = None
            return authority
        raise ProtocolError(
            rules.CERTIFICATE_SIGNATURE,
            f"certificate {certificate.serial_hex} is not signed by {certificate.issuer}",
            source=_SOURCE,
        )


def check_path(
    certificate: SmkiCertificate,
    store: TrustStore,
    at: datetime,
    *,
    roles: Collection[int] | None = None,
    usage: Usage | None = None,
    owner: Eui64 | None = None,
) -> None:
    """Check that a certificate may be relied on at an instant, for a purpose.

    Parameters
    ----------
    certificate
        The certificate to rely on.
    store
        What is trusted.
    at
        The Clock's time, UTC.
    roles, usage, owner
        What the purpose needs: Remote Party Roles allowed, key usage, EUI-64. None: not asked.

    Raises
    ------
    ProtocolError
        ``CERTIFICATE_ROLE``, ``CERTIFICATE_USAGE``, ``CERTIFICATE_OWNER``, ``CERTIFICATE_REVOKED``,
        ``ISSUER_REVOKED``, ``CERTIFICATE_ISSUER_UNKNOWN``, ``CERTIFICATE_SIGNATURE``, ``CERTIFICATE_PATH``,
        ``CERTIFICATE_POLICY``, ``CERTIFICATE_NOT_YET_VALID`` or ``CERTIFICATE_EXPIRED``.
    """
    _check_purpose(certificate, roles, usage, owner)
    path = store.known_path(certificate) or _found_path(certificate, store, at)
    if path is not None and not path.since <= at <= path.until:
        for member in path.members:
            _check_dates(member, at)


def _found_path(certificate: SmkiCertificate, store: TrustStore, at: datetime) -> GoodPath | None:
    """The path of a certificate that is neither revoked nor pinned; None for a pinned one, which needs none."""
    if store.is_revoked(certificate):
        raise ProtocolError(
            rules.ISSUER_REVOKED if certificate.is_authority else rules.CERTIFICATE_REVOKED,
            f"{certificate.serial_hex} of {certificate.issuer} is revoked: {store.revocation_reason(certificate)}",
            source=_SOURCE,
        )
    if store.is_pinned(certificate):
        if store.enforce_dates:
            _check_dates(certificate, at)
        return None
    return store.good_path(certificate)


def _check_policies(path: tuple[SmkiCertificate, ...], accepted: frozenset[str]) -> None:
    for member in path:
        if accepted.isdisjoint(member.policies):
            raise ProtocolError(
                rules.CERTIFICATE_POLICY,
                f"{member.serial_hex} has policy {', '.join(member.policies) or 'none'}",
                source=_SOURCE,
            )


def _check_purpose(
    certificate: SmkiCertificate, roles: Collection[int] | None, usage: Usage | None, owner: Eui64 | None
) -> None:
    if roles is not None and certificate.role not in roles:
        raise ProtocolError(
            rules.CERTIFICATE_ROLE,
            f"Remote Party Role {certificate.role}, not {' or '.join(str(int(role)) for role in sorted(roles))}",
            source=_SOURCE,
        )
    if usage is not None and certificate.usage is not usage:
        raise ProtocolError(rules.CERTIFICATE_USAGE, f"key usage {certificate.usage}, not {usage}", source=_SOURCE)
    if owner is not None and certificate.eui != owner:
        raise ProtocolError(rules.CERTIFICATE_OWNER, f"owner {certificate.eui}, not {owner}", source=_SOURCE)


def _path(certificate: SmkiCertificate, store: TrustStore) -> list[SmkiCertificate]:
    """The certificate and its CAs up to an anchor; revoked, misplaced or unknown CAs are refused."""
    path = [certificate]
    while not store.is_anchor(path[-1]):
        if len(path) >= _MAX_PATH or (path[-1].kind is Kind.ROOT):
            raise ProtocolError(
                rules.CERTIFICATE_ISSUER_UNKNOWN,
                f"the path of {certificate.serial_hex} leads to no root",
                source=_SOURCE,
            )
        issuer = store.issuer_of(path[-1])
        if store.is_revoked(issuer):
            raise ProtocolError(
                rules.ISSUER_REVOKED, f"{issuer.subject} ({issuer.serial_hex}) is on the ARL", source=_SOURCE
            )
        if issuer.path_length is not None and issuer.path_length < len(path) - 1:
            raise ProtocolError(
                rules.CERTIFICATE_PATH, f"path under {issuer.subject} is longer than it allows", source=_SOURCE
            )
        path.append(issuer)
    return path


def _check_dates(certificate: SmkiCertificate, at: datetime) -> None:
    if at < certificate.not_before:
        raise ProtocolError(
            rules.CERTIFICATE_NOT_YET_VALID,
            f"{certificate.serial_hex} is valid from {certificate.not_before.isoformat()}",
            source=_SOURCE,
        )
    if at > certificate.not_after:
        raise ProtocolError(
            rules.CERTIFICATE_EXPIRED,
            f"{certificate.serial_hex} was valid until {certificate.not_after.isoformat()}",
            source=_SOURCE,
        )


def _key(certificate: SmkiCertificate) -> tuple[str, int]:
    return certificate.issuer, certificate.serial
