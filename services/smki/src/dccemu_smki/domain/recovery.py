"""The recovery Command: CS02b in mode 8, signed by the DCC's Recovery key, without a MAC (smki.md section 9).

Ways of recovery. *own* (1): the owner replaces its certificates itself by 6.15.1, which is no matter of this service.
*recovery* (2): the DCC puts the subscriber's new certificates on the Devices. *acb* (3): the DCC puts certificates of
the Access Control Broker there, and the subscriber takes the cells over with 6.21.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.gbcs import crypto, der, envelope
from dccemu_protocol.gbcs import der_types as types
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import RemotePartyRole, SmkiCertificate, Usage

Way = Literal["recovery", "acb"]
MODE, MESSAGE_CODE = 8, 0x0108
SUCCESS = 0
_USAGES = {
    Usage.DIGITAL_SIGNATURE: types.KeyUsage.DIGITAL_SIGNATURE,
    Usage.KEY_AGREEMENT: types.KeyUsage.KEY_AGREEMENT,
}
CERTIFICATE_TYPES = {
    (Usage.DIGITAL_SIGNATURE, False): "DigitalSigning",
    (Usage.KEY_AGREEMENT, False): "KeyAgreement",
    (Usage.KEY_AGREEMENT, True): "KeyAgreementTopUp",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A trust anchor cell that holds a compromised certificate."""

    role: int
    usage: Usage
    top_up: bool

    @property
    def certificate_type(self) -> str:
        """The word of the DCC Alert for this cell."""
        return CERTIFICATE_TYPES[self.usage, self.top_up]


def recovery_command(
    *,
    originator: Eui64,
    device: Eui64,
    counter: int,
    replacements: Sequence[tuple[Cell, SmkiCertificate]],
    path: Sequence[SmkiCertificate],
    key: ec.EllipticCurvePrivateKey,
    floor: int = 0,
    check_dates: bool = True,
) -> bytes:
    """A signed Command that replaces what some cells of a Device hold.

    Parameters
    ----------
    counter
        Originator counter of the Recovery role.
    replacements
        Cells with the certificate for each.
    path
        The issuing CA certificates up to the root that the Device holds.
    floor
        The counters of the replaced roles begin behind this one.
    check_dates
        Whether the Device is to judge the validity of the certificates.
    """
    roles = sorted({cell.role for cell, _ in replacements})
    has_top_up = any(cell.top_up for cell, _ in replacements)
    prepayment = (types.PrepaymentFloor(0, floor),) if has_top_up else None
    floors = tuple(
        types.RoleFloor(role, floor, prepayment if role == RemotePartyRole.SUPPLIER else None) for role in roles
    )
    content = types.UpdateSecurityCredentials(
        types.ReplacementControl(
            mode=MODE,
            plaintext_symmetric_key=None,
            disapply_time_checks=None if check_dates else 1,
            authorising_cell=types.TrustAnchorCell(RemotePartyRole.RECOVERY, types.KeyUsage.DIGITAL_SIGNATURE),
            originator_counter=counter,
            other_floors=floors,
        ),
        tuple(types.Replacement(types.Certificate(one.der), _target(cell)) for cell, one in replacements),
        tuple(types.Certificate(one.der) for one in path),
    )
    message = GbcsMessage(
        cra=CRA.COMMAND,
        counter=counter,
        originator=originator,
        target=device,
        date_time=b"",
        other=OtherInformation(MESSAGE_CODE),
        payload=der.encode(content, MESSAGE_CODE, CRA.COMMAND),
        signature=None,
        mac=None,
    )
    return envelope.encode(crypto.sign(message, key))


def renewed(octets: bytes, counter: int, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The same Command with another originator counter, signed anew: a Device takes one of each counter only."""
    message = envelope.decode(octets)
    content = der.decode(message.payload, MESSAGE_CODE, CRA.COMMAND)
    if not isinstance(content, types.UpdateSecurityCredentials):
        raise EmulatorError("this is no Command that replaces credentials")
    control = replace(content.control, originator_counter=counter)
    payload = der.encode(replace(content, control=control), MESSAGE_CODE, CRA.COMMAND)
    return envelope.encode(crypto.sign(replace(message, counter=counter, payload=payload, signature=None), key))


def read_outcome(octets: bytes) -> tuple[int, tuple[bool, ...]] | None:
    """Counter of the Command that a Response answers, and whether each replacement succeeded; None for others."""
    message = envelope.decode(octets)
    if message.cra is not CRA.RESPONSE or message.other.message_code != MESSAGE_CODE:
        return None
    content = der.decode(message.payload, MESSAGE_CODE, CRA.RESPONSE)
    if not isinstance(content, types.UpdateCredentialsResponse) or content.outcome is None:
        return message.counter, ()
    return message.counter, tuple(result.status == SUCCESS for result in content.outcome.results)


def _target(cell: Cell) -> types.TrustAnchorCell:
    usage = types.CellUsage.PREPAYMENT_TOP_UP if cell.top_up else types.CellUsage.MANAGEMENT
    return types.TrustAnchorCell(cell.role, _USAGES[cell.usage], usage)
