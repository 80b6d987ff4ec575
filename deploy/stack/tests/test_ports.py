"""A process that died is started again on the ports that it had: nobody may have taken them in between."""

from __future__ import annotations

from dccemu.up.isolated import Isolated
from dccemu.up.options import PORTS, SERVICES, Options
from dccemu_runtime.local.ports import first_outgoing_port


def test_every_process_of_the_isolated_topology_has_lasting_ports(tmp_path) -> None:
    options = Options(tmp_path, isolated=True, ports={**dict.fromkeys(PORTS, 0), "duis": 8079})
    house = Isolated(options, "postgresql://nobody", "127.0.0.1:9", local_broker=True)

    given = [house._settings[port.service][port.setting] for port in PORTS.values()]
    given += [house._settings[name]["admin_port"] for name in SERVICES]

    assert house._settings["gateway"]["http_port"] == "8079"
    assert len(set(given)) == len(given)
    assert all(0 < int(port) < first_outgoing_port() for port in given)
