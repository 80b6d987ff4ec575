"""Ready certificates for an organisation in one call, and certificates from a CSR without the procedures.

For operators of the emulator (admin port). Keys made here leave at once with the answer and are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Entry, Keystore, Kind, RemotePartyRole, Usage, csr, parse, role_text
from dccemu_protocol.pki.csr import SigningRequest

from ..domain.errors import DUPLICATE_KEY, NOT_ELIGIBLE
from ..domain.records import CertificateRecord, key_digest, key_owner
from .audit import note
from .context import LIVE, Smki
from .issuing import Wanted, issue

_DCC_ROLES = frozenset({0, 1, 4, 5, 6, 7, 137})
_SOURCES: dict[int, str] = {RemotePartyRole.XML_SIGNING: "xml-sign-", RemotePartyRole.FILE_SIGNING: "file-sign-"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One certificate of a set."""

    role: int
    usage: Usage
    top_up: bool = False


def pieces_of(role: int) -> tuple[Piece, ...]:
    """What a User of a Remote Party Role needs: DS, KA, a Supplier's top-up KA, and its XML signing certificate.

    The file signing token, which the DCC supplies apart from everything else, holds one certificate.
    """
    if role == RemotePartyRole.FILE_SIGNING:
        return (Piece(role, Usage.DIGITAL_SIGNATURE),)
    made = [Piece(role, Usage.DIGITAL_SIGNATURE), Piece(role, Usage.KEY_AGREEMENT)]
    if role == RemotePartyRole.SUPPLIER:
        made.append(Piece(role, Usage.KEY_AGREEMENT, top_up=True))
    made.append(Piece(RemotePartyRole.XML_SIGNING, Usage.DIGITAL_SIGNATURE))
    return tuple(made)


async def issue_set(
    smki: Smki, eui: Eui64, role: int, *, common_name: str | None = None, hierarchy: str = LIVE, asked_by: str = "admin"
) -> Keystore:
    """Make keys and certificates for a User in a role.

    Raises
    ------
    ProtocolError
        ``NOT_ELIGIBLE`` for roles of the DCC.
    """
    if role in _DCC_ROLES or role == RemotePartyRole.XML_SIGNING or role not in set(RemotePartyRole):
        raise ProtocolError(
            NOT_ELIGIBLE, f"role {role} is not one of a User: 2, 3, 8, 127 or 136", source="SEC stage 4, 179"
        )
    drawn = (smki.entropy.stream(f"{_source(eui, piece)} {smki.now()}") for piece in pieces_of(role))
    keys = [(piece, source.private_key()) for piece, source in zip(pieces_of(role), drawn, strict=True)]
    requests = [
        csr.read(csr.build_organisation_csr(key, eui, piece.role, piece.usage, common_name)) for piece, key in keys
    ]
    wanted = [Wanted(r, party=asked_by, top_up=p.top_up) for (p, _), r in zip(keys, requests, strict=True)]
    async with smki.database.transaction() as connection:
        await claim_keys(smki, connection, requests)
        records = await issue(smki, connection, wanted, hierarchy)
        await note(smki, connection, "certificate-set", "issued", party=asked_by, eui=str(eui), role=role)
    return Keystore(
        Entry(_source(eui, piece), eui, piece.usage, piece.role, parse(record.der), key, piece.top_up)
        for (piece, key), record in zip(keys, records, strict=True)
    )


async def issue_from_requests(
    smki: Smki,
    requests: Sequence[SigningRequest],
    *,
    top_up: bool = False,
    hierarchy: str = LIVE,
    asked_by: str = "admin",
) -> list[CertificateRecord]:
    """Issue from CSRs that an operator vouches for; roles of the DCC are refused here too."""
    for request in requests:
        if request.role in _DCC_ROLES:
            raise ProtocolError(
                NOT_ELIGIBLE,
                f"role {role_text(request.role or 0)} is for the DCC's own services, which ask over the bus",
                source="SEC stage 4, 179",
            )
    async with smki.database.transaction() as connection:
        await claim_keys(smki, connection, requests)
        records = await issue(
            smki, connection, [Wanted(request, party=asked_by, top_up=top_up) for request in requests], hierarchy
        )
        for record in records:
            await note(smki, connection, "admin-issue", "issued", party=asked_by, serial=record.serial_hex)
    return records


async def claim_keys(smki: Smki, connection: PoolConnectionProxy, requests: Sequence[SigningRequest]) -> None:
    """Take the public keys for their owners; an organisation may have one certified again for the same purpose.

    Raises
    ------
    ProtocolError
        ``DUPLICATE_KEY``.
    """
    for request in requests:
        digest, owner = key_digest(request.point), key_owner(request.kind, request.eui, request.role)
        if await smki.store.claim_keys(connection, [(digest, owner, request.usage.value)]):
            continue
        holder = (await smki.store.certified(connection, [digest])).get(digest)
        if request.kind is Kind.DEVICE or holder != (owner, request.usage.value):
            raise ProtocolError(
                DUPLICATE_KEY,
                "a duplicate request is not permitted: this public key is certified already",
                source="SEC Appendix M; smki.md section 5.3",
            )


def _source(eui: Eui64, piece: Piece) -> str:
    kind = _SOURCES.get(piece.role, "")
    top_up = "pp-" if piece.top_up else ""
    return f"minted/{kind}{eui.hex}-{role_text(piece.role)}-{top_up}{piece.usage.short.lower()}"
