"""A scenario of many homes, so that the load is spread over Devices, keys and partitions."""

from __future__ import annotations

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ROLE = 2
"""The Supplier's role on its Devices."""
NETWORK = "90-B3-D5-1F-30-02-00-00"
_PRIMES = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)

_HEAD = f"""\
name: chaos
description: Homes with an electricity meter each, for fault tests.
parties:
  - party: CHAOS
    name: Supplier under test
    category: Large Supplier
    participants: [CHAO]
    users:
      - {{user: {SUPPLIER}, roles: [IS, ES, GS], remote_party_role: 2}}
  - party: CHAOSNET
    name: Network under test
    category: Electricity Network
    participants: [CNET]
    users:
      - {{user: {NETWORK}, roles: [ED, GT], remote_party_role: 3}}
products:
  - {{id: esme, type: ESME, manufacturer: AB01, model: 010A030B, firmware_version: 0002012F,
     smets_chts_version: SMETS V1.58, gbcs_version: "4.3"}}
  - {{id: chf, type: CHF, manufacturer: 106C, model: 433100AC, firmware_version: "00009001",
     smets_chts_version: CHTS V1.4, gbcs_version: "4.3"}}
"""


def meter(home: int) -> str:
    """The Device ID of a home's ESME."""
    return f"00-DB-12-34-C0-00-{home:02X}-A0"


def _hub(home: int) -> str:
    return f"00-DB-12-34-C0-00-{home:02X}-A2"


def _mpan(home: int) -> str:
    core = f"13{home:010d}"
    check = sum(prime * int(digit) for prime, digit in zip(_PRIMES, core, strict=True)) % 11 % 10
    return f"{core}{check}"


def text(homes: int) -> str:
    """The scenario as YAML."""
    points, devices = [], []
    for home in range(1, homes + 1):
        place = (
            f'    uprn: "1234567891{home:02d}"\n    post_code: M22 0RR\n    address_identifier: {home} Chaos Street\n'
        )
        points.append(
            f'  - mpxn: "{_mpan(home)}"\n    fuel: electricity\n{place}    registrations:\n'
            f"      - {{role: IS, user: {SUPPLIER}, since: 2015-01-01}}\n"
            f"      - {{role: ED, user: {NETWORK}, since: 2015-01-01}}\n"
        )
        devices.append(
            f"  - device: {_hub(home)}\n    type: CHF\n    product: chf\n    status: Commissioned\n"
            f"    commissioned_on: 2025-12-28\n{place}    csp_region: North\n    han_variant: Single Band\n"
            "    connectivity: Cellular\n"
            f"  - device: {meter(home)}\n    type: ESME\n    product: esme\n    status: Commissioned\n"
            f'    hub: {_hub(home)}\n    import_mpxn: "{_mpan(home)}"\n    esme_variant: A\n'
            f"    commissioned_on: 2025-12-28\n{place}    notified_by: {SUPPLIER}\n    credentials:\n"
            f"      supplier: {SUPPLIER}\n      network_operator: {NETWORK}\n"
        )
    return f"{_HEAD}meter_points:\n{''.join(points)}devices:\n{''.join(devices)}"
