"""A process that died is started again on the ports that it had: nobody may have taken them in between."""

from __future__ import annotations

import socket

from dccemu.up.isolated import Isolated
from dccemu.up.options import PORTS, SERVICES, Options
from dccemu.up.ports import first_outgoing_port, lasting_port


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


def test_every_process_of_the_isolated_topology_has_lasting_ports(tmp_path) -> None:
    options = Options(tmp_path, isolated=True, ports={**dict.fromkeys(PORTS, 0), "duis": 8079})
    house = Isolated(options, "postgresql://nobody", "127.0.0.1:9", local_broker=True)

    given = [house._settings[port.service][port.setting] for port in PORTS.values()]
    given += [house._settings[name]["admin_port"] for name in SERVICES]

    assert house._settings["gateway"]["http_port"] == "8079"
    assert len(set(given)) == len(given)
    assert all(0 < int(port) < first_outgoing_port() for port in given)
