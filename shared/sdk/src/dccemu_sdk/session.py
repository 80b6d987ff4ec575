"""A running suite and Users at work in it: what tests and scripts start from."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, keystore

from .admin import AdminClient
from .counters import CounterSource
from .decode import describe
from .errors import SdkError
from .gateway import GatewayClient, client_tls
from .identity import Identity
from .patience import PatientGateway
from .receiver import Receiver
from .smki import DCCSigners, Directory, Repository
from .stack import Stack, State
from .user import Outcome, User


class Dcc:
    """The suite as a User sees it, and its admin port beside it.

    Parameters
    ----------
    state
        Where everything is.
    keys
        Key store of the Users; what the state names if None.
    patience
        Seconds during which Users repeat what got no answer; None: they do not.
    """

    def __init__(self, state: State, keys: Path | None = None, *, patience: float | None = None) -> None:
        path = keys or state.keystore
        if path is None:
            raise SdkError("the state names no key store; give one")
        self.state = state
        self.patience = patience
        self._open = contextlib.ExitStack()
        self.store: Keystore = keystore.load(path)
        self.repository = Repository(state.smki)
        self._open.callback(self.repository.close)
        self.admin = AdminClient(state.admin)
        self._open.callback(self.admin.close)
        self.signers = DCCSigners(self.store, self.repository)
        self.directory = Directory(self.store, self.repository)
        self.counters = CounterSource()

    def gateway(self, *, party: str | None = None) -> GatewayClient:
        """A client of the gateway: plain, or with mutual TLS as a Party of the scenario."""
        if party is None:
            return self._open.enter_context(self._client(self.state.duis))
        folder = self.state.tls_folder
        if folder is None or self.state.duis_tls is None:
            raise SdkError("the suite has no port with mutual TLS, or no certificates for its Parties")
        context = client_tls(folder / f"{party}.pem", folder / f"{party}.key.pem", folder / "ca.pem")
        return self._open.enter_context(self._client(self.state.duis_tls, context))

    def _client(self, url: str, tls: ssl.SSLContext | None = None) -> GatewayClient:
        if self.patience is None:
            return GatewayClient(url, self.signers, tls=tls)
        return PatientGateway(url, self.signers, tls=tls, patience=self.patience)

    def receiver(self) -> Receiver:
        """A Receive Response Service that believes this suite's DCC."""
        return self._open.enter_context(Receiver(self.signers))

    def user(self, eui: str | None = None, *, party: str | None = None, receiver: Receiver | None = None) -> User:
        """A User at work, with a Receive Response Service that the gateway is told of.

        Parameters
        ----------
        eui
            The User ID; the demonstration Supplier if None.
        party
            Speak over mutual TLS as this Party.
        receiver
            Its Receive Response Service; a new one if None.
        """
        name = eui or self.state.supplier
        if name is None:
            raise SdkError("the scenario has no Supplier; name a User")
        identity = Identity(self.store, Eui64.parse(name))
        receiver = receiver if receiver is not None else self.receiver()
        self.admin.set_receiver(str(identity.eui), receiver.url)
        return User(identity, self.gateway(party=party), receiver, counters=self.counters)

    def describe(self, outcome: Outcome) -> list[dict[str, object]]:
        """Every answer decoded, GBCS messages checked with the repository's certificates."""
        return [describe(answer, self.directory) for answer in outcome.answers]

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def running(arguments: Sequence[str] = (), *, keys: Path | None = None, timeout: float = 120.0) -> Iterator[Dcc]:
    """A suite of one's own for as long as the block lasts, started and ended as ``Stack`` does.

    Parameters
    ----------
    arguments
        More options of ``dccemu up``.
    keys
        Key store of the Users; what the suite names if None.
    timeout
        Seconds until it must be ready.
    """
    stack = Stack(arguments, timeout=timeout)
    try:
        with Dcc(stack.start(), keys) as suite:
            yield suite
    finally:
        stack.close()
