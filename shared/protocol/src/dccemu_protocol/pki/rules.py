"""Names of the rules this package refuses by, with the words that explain them."""

from __future__ import annotations

from typing import Final

CERTIFICATE_UNREADABLE: Final = "CERTIFICATE_UNREADABLE"  # not DER, or not one of the SMKI profiles
CERTIFICATE_ROLE: Final = "CERTIFICATE_ROLE"  # Remote Party Role other than the purpose needs
CERTIFICATE_USAGE: Final = "CERTIFICATE_USAGE"  # key usage other than the purpose needs
CERTIFICATE_OWNER: Final = "CERTIFICATE_OWNER"  # EUI-64 other than the purpose needs
CERTIFICATE_ISSUER_UNKNOWN: Final = "CERTIFICATE_ISSUER_UNKNOWN"  # no path to a trusted root
CERTIFICATE_SIGNATURE: Final = "CERTIFICATE_SIGNATURE"  # not signed by the issuer it names
CERTIFICATE_PATH: Final = "CERTIFICATE_PATH"  # issuer may not issue, or path too long
CERTIFICATE_POLICY: Final = "CERTIFICATE_POLICY"  # policy not one that is accepted
CERTIFICATE_NOT_YET_VALID: Final = "CERTIFICATE_NOT_YET_VALID"
CERTIFICATE_EXPIRED: Final = "CERTIFICATE_EXPIRED"
CERTIFICATE_REVOKED: Final = "CERTIFICATE_REVOKED"  # on the Organisation CRL
ISSUER_REVOKED: Final = "ISSUER_REVOKED"  # on the ARL

CSR_UNREADABLE: Final = "CSR_UNREADABLE"  # not base64, not DER, not PKCS#10
CSR_TOO_LONG: Final = "CSR_TOO_LONG"
CSR_KEY: Final = "CSR_KEY"  # not a P-256 key
CSR_ALGORITHM: Final = "CSR_ALGORITHM"  # not ecdsa-with-SHA256
CSR_SIGNATURE: Final = "CSR_SIGNATURE"  # no proof of possession
CSR_SUBJECT: Final = "CSR_SUBJECT"  # subject is neither an organisation's nor empty
CSR_USAGE: Final = "CSR_USAGE"  # not exactly one of digitalSignature, keyAgreement
CSR_EXTENSION: Final = "CSR_EXTENSION"  # an extension the profile does not allow, or one missing
