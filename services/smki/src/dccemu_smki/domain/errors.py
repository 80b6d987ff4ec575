"""Refusals of the SMKI that are not rules of a certificate or of a request's form."""

from __future__ import annotations

from typing import Final

NOT_ELIGIBLE: Final = "NOT_ELIGIBLE"  # not an Eligible Subscriber (SEC stage 4, 175-179)
NOT_SUBSCRIBER: Final = "NOT_SUBSCRIBER"  # not an Authorised Subscriber for this kind of certificate
NOT_OFFICER: Final = "NOT_OFFICER"  # no responsible officer who may act for this EUI-64
NOT_TEST_PARTICIPANT: Final = "NOT_TEST_PARTICIPANT"  # Test Certificates only for testing participants (215-220)
UNKNOWN_PARTY: Final = "UNKNOWN_PARTY"
UNKNOWN_USER: Final = "UNKNOWN_USER"  # the EUI-64 is not one of the Party's
UNKNOWN_CERTIFICATE: Final = "UNKNOWN_CERTIFICATE"
UNKNOWN_REQUEST: Final = "UNKNOWN_REQUEST"
UNKNOWN_BATCH: Final = "UNKNOWN_BATCH"
UNKNOWN_DEVICE: Final = "UNKNOWN_DEVICE"  # ad hoc web service: nothing was ever issued for that Device
TOO_MANY_CERTIFICATES: Final = "TOO_MANY_CERTIFICATES"  # a hundred certificates for one Device ID
DUPLICATE_KEY: Final = "DUPLICATE_KEY"  # a public key is certified once
RATE_EXCEEDED: Final = "RATE_EXCEEDED"
BAD_STATUS: Final = "BAD_STATUS"  # the lifecycle has no such transition
NOT_REVOCABLE: Final = "NOT_REVOCABLE"  # Device Certificates are never revoked
BAD_GROUNDS: Final = "BAD_GROUNDS"
BAD_SEARCH: Final = "BAD_SEARCH"
NOT_FOUND: Final = "NOT_FOUND"
NOT_ESTABLISHED: Final = "NOT_ESTABLISHED"  # the DCC's own certificates come first (188)
