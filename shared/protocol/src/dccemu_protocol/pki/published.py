"""The one CA certificate of the published test PKI that exists in the open: Issuing OCA ``OU=07, CN=Z1``.

Its root ``OU=00, CN=ZA`` was never published, so a store that imports the published certificates takes the issuing
certificate as its anchor (smki.md sections 2.2 and 2.3). Dates of that tree are not enforced unless configured.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from .certificate import SmkiCertificate, parse_pem


@cache
def issuing_oca_z1() -> SmkiCertificate:
    """The certificate, from the package's data."""
    return parse_pem(files(__package__).joinpath("data/issuing-oca-z1.pem").read_bytes())
