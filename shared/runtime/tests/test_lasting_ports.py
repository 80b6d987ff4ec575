"""A server that was killed is started again on the port that it had: nobody may have taken it in between."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dccemu_protocol.errors import EmulatorError
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.local.ports import first_outgoing_port, lasting_port, own_port


def test_a_lasting_port_is_free_and_none_of_outgoing_connections() -> None:
    port = lasting_port("127.0.0.1", ())

    assert 0 < port < first_outgoing_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_a_port_in_use_or_promised_is_not_given() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", lasting_port("127.0.0.1", ())))
        used = listener.getsockname()[1]
        listener.listen()

        # Of two ports one is in use, then the other is promised.
        found = {lasting_port("127.0.0.1", set(range(10_000, 65_536)) - {used, used + 1}) for _ in range(20)}
        assert found <= {used + 1, 0}
        assert lasting_port("127.0.0.1", set(range(10_000, 65_536)) - {used}) == 0


def test_where_the_system_leaves_none_it_chooses_itself() -> None:
    assert lasting_port("127.0.0.1", (), below=1024) == 0


def test_a_server_that_has_to_be_told_a_port_is_told_a_lasting_one() -> None:
    assert 0 < own_port("127.0.0.1") < first_outgoing_port()


def test_a_broker_that_cannot_listen_is_not_left_running() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own_port("127.0.0.1")))
        broker = LocalBroker(taken.getsockname()[1])

        with pytest.raises(EmulatorError):
            asyncio.run(broker.start(timeout=10))

    assert not broker.is_running
