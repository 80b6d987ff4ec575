"""The DCC's three web services as a client (duis.md section 1)."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from dccemu_protocol import catalogue
from dccemu_protocol.duis import DuisResponse, parse_document, read_response
from dccemu_protocol.duis.names import SIGNATURE
from dccemu_protocol.xmldsig import SignerKeys, verify

from .errors import GatewayError

SERVICES = {"T": "/api/v1/serviceT", "S": "/api/v1/serviceS", "D": "/api/v1/serviceD"}


def client_tls(certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """TLS with certificates on both sides.

    Parameters
    ----------
    certificate, key
        The User's client certificate and private key (PEM).
    authority
        The CA that issued the gateway's server certificate (PEM).
    """
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(str(certificate), str(key))
    return context


class GatewayClient:
    """Posts signed documents and reads the replies.

    Parameters
    ----------
    url
        Base address of the gateway, with or without TLS.
    signers
        Whom to believe that a reply is the DCC's; None skips that check.
    tls
        Context from ``client_tls`` for the port with mutual TLS.
    timeout
        Seconds; a published client waits three for a synchronous answer.
    """

    def __init__(
        self,
        url: str,
        signers: SignerKeys | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        verification: ssl.SSLContext | bool = tls if tls is not None else True
        self._client = httpx.Client(base_url=url, timeout=timeout, verify=verification, trust_env=False)
        self._signers = signers

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> GatewayClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, service: str, document: bytes, *, content_type: str = "application/xml") -> httpx.Response:
        """Post octets to a web service (``T``, ``S``, ``D``) and give the reply as it is."""
        return self._client.post(SERVICES[service], content=document, headers={"Content-Type": content_type})

    def send(self, service: str, document: bytes) -> DuisResponse:
        """Post a signed document and read the Response.

        Raises
        ------
        GatewayError
            For any status but 200.
        ProtocolError
            When the reply is not a Response, or carries a signature that does not verify.
        """
        reply = self.post(service, document)
        if reply.status_code != httpx.codes.OK:
            raise GatewayError(reply.status_code, reply.text[:500])
        return self.read(reply.content)

    def read(self, content: bytes) -> DuisResponse:
        """Read a Response; where it is signed and signers are known, verify it first."""
        root = parse_document(content)
        if self._signers is not None and root.find(SIGNATURE) is not None:
            root = verify(root, self._signers).root
        return read_response(root)

    def submit(self, document: bytes, command_variant: int) -> DuisResponse:
        """Send a signed document to the web service that its Command Variant belongs to."""
        return self.send(catalogue.web_service(command_variant), document)
