"""Group commit: what queued during the last commit shares the next transaction (``docs/decisions/0002``)."""

from .operations import (
    Claim,
    ClaimOperation,
    Operation,
    Row,
    Unit,
    Write,
    arrange,
    claim,
    delete,
    insert,
    update,
    upsert,
)
from .trouble import CONNECTION_TROUBLE, AlreadyClaimed, Overloaded, StoreUnavailable
from .writer import GroupCommit

__all__ = [
    "CONNECTION_TROUBLE",
    "AlreadyClaimed",
    "Claim",
    "ClaimOperation",
    "GroupCommit",
    "Operation",
    "Overloaded",
    "Row",
    "StoreUnavailable",
    "Unit",
    "Write",
    "arrange",
    "claim",
    "delete",
    "insert",
    "update",
    "upsert",
]
