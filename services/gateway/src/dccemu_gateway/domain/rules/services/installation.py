"""Check 24 of the services that build up and take down a Smart Metering System: 8.7, 8.8, 8.11, 8.12."""

from __future__ import annotations

from dccemu_contracts.device_index import InventoryKey
from dccemu_contracts.installation import InstallationRequest, check_installation
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.catalogue import LOCAL_DELIVERY_VARIANTS
from dccemu_protocol.duis import tree_of
from dccemu_protocol.errors import ProtocolError

from ...examination import Examination


def installation(examination: Examination) -> None:
    """8.7, 8.8, 8.11, 8.12: the rules of building up and taking down a Smart Metering System."""
    check_installation(installation_request(examination))


def installation_request(examination: Examination) -> InstallationRequest:
    """The request as the rules of installing see it."""
    submitted, directory = examination.submitted, examination.directory

    def at_mpxn(mpxn: str) -> list[DeviceFact]:
        try:
            found = directory.read_inventory(InventoryKey(mpxn=mpxn))
        except ProtocolError:
            return []
        return [fact for fact in found if mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan)]

    content = tree_of(submitted.body)
    return InstallationRequest(
        srv=examination.service_request.srv,
        target=examination.target,
        content=content if isinstance(content, dict) else {},
        user=examination.sender.eui,
        roles=examination.roles,
        is_local=submitted.command_variant in LOCAL_DELIVERY_VARIANTS,
        at=examination.moment,
        records=directory,
        at_mpxn=at_mpxn,
    )
