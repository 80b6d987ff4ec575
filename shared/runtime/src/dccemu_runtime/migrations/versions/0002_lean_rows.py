"""Fewer and cheaper indexes of the journal, JSON that nobody queries as text, full pages of the outbox.

A journal has a bounded number of rows: one is found by its id without an index. By request it is found by a hash
index, which costs an insert less than a tree of long texts does. Statistics are gathered from 3,000 rows, not 30,000:
every plan here is a look into an index, and gathering them took more time than all other vacuuming.
"""

from __future__ import annotations

from alembic import op

revision = "runtime_0002"
down_revision = "runtime_0001"
branch_labels = None
depends_on = None

_JSON = {"outbox": ["headers"], "journal": ["checks", "detail"]}
_ASKED = ("position", "id", "at", "stage", "request_id", "user_", "device", "srv", "outcome")
_STORED = ("checks", "detail", "message")


def upgrade() -> None:
    op.drop_constraint("journal_id_key", "journal")
    op.drop_index("journal_request_id", "journal")
    _types("text")
    op.create_index("journal_request_id", "journal", ["request_id"], postgresql_using="hash")
    # No update of an outbox row stays in its page anyway: its mark is in the predicate of an index.
    op.execute("ALTER TABLE outbox RESET (fillfactor)")
    _statistics(10, 0)


def downgrade() -> None:
    _statistics(-1, -1)
    op.execute("ALTER TABLE outbox SET (fillfactor = 50)")
    op.drop_index("journal_request_id", "journal")
    _types("jsonb")
    op.create_index("journal_request_id", "journal", ["request_id"])
    op.create_unique_constraint("journal_id_key", "journal", ["id"])


def _statistics(asked: int, stored: int) -> None:
    """Statistics targets of the journal's columns: those that a query may name, and those that are only stored."""
    targets = dict.fromkeys(_ASKED, asked) | dict.fromkeys(_STORED, stored)
    changes = ", ".join(f"ALTER {name} SET STATISTICS {target}" for name, target in targets.items())
    op.execute(f"ALTER TABLE journal {changes}")


def _types(kind: str) -> None:
    for table, columns in _JSON.items():
        changes = ", ".join(f"ALTER {column} TYPE {kind} USING {column}::{kind}" for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
