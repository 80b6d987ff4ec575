"""Indexes that the path of a request pays for, cut to what is asked.

Waiting requests are asked for by Device, open Commands by Device and counter: only those are kept in these indexes.
Deliveries and Commands of a request are found by hash indexes, which cost an insert less than trees of long texts.
Facts that go with a Command or Pre-Command are JSON that nobody queries: text.
Statistics are gathered from 3,000 rows, not 30,000, and not of columns that no query names.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0005"
down_revision = "gateway_0004"
branch_labels = None
depends_on = None

_WAITING = sa.text("state IN ('held', 'with-cos')")
_UNANSWERED = sa.text("state IN ('sent', 'taken-up', 'local')")
_JSON = {"commands": "extra", "pre_commands": "facts"}
_BY_REQUEST = ("commands", "deliveries")
_STORED = {"requests": ["document"], "pre_commands": ["payload", "facts"], "commands": ["payload", "extra"]}
_STORED |= {"deliveries": ["document"]}
_COLUMNS = sa.text("""
SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped""")


def upgrade() -> None:
    op.drop_index("requests_device", "requests")
    op.drop_index("requests_waiting", "requests")
    op.create_index("requests_waiting", "requests", ["device"], postgresql_where=_WAITING)
    op.drop_index("commands_match", "commands")
    op.drop_index("deliveries_user", "deliveries")
    for table in _BY_REQUEST:
        op.drop_index(f"{table}_request", table)
    op.drop_index("pre_commands_made_at", "pre_commands")
    _types("text")
    op.create_index("pre_commands_made_at", "pre_commands", ["made_at"], postgresql_using="brin")
    op.create_index("commands_match", "commands", ["device", "counter"], postgresql_where=_UNANSWERED)
    for table in _BY_REQUEST:
        op.create_index(f"{table}_request", table, ["request_id"], postgresql_using="hash")
    _statistics(10, 0)


def downgrade() -> None:
    _statistics(-1, -1)
    for table in _BY_REQUEST:
        op.drop_index(f"{table}_request", table)
    op.drop_index("commands_match", "commands")
    op.drop_index("pre_commands_made_at", "pre_commands")
    _types("jsonb")
    op.create_index("pre_commands_made_at", "pre_commands", ["made_at"])
    for table in _BY_REQUEST:
        op.create_index(f"{table}_request", table, ["request_id"])
    op.create_index("deliveries_user", "deliveries", ["user_"])
    op.create_index("commands_match", "commands", ["device", "counter"])
    op.drop_index("requests_waiting", "requests")
    op.create_index("requests_waiting", "requests", ["state"], postgresql_where=_WAITING)
    op.create_index("requests_device", "requests", ["device"])


def _statistics(asked: int, stored: int) -> None:
    """Statistics targets of all columns of the tables of requests."""
    for table, only_stored in _STORED.items():
        names = op.get_bind().execute(_COLUMNS, {"name": table}).scalars()
        targets = {name: stored if name in only_stored else asked for name in names}
        changes = ", ".join(f"ALTER {name} SET STATISTICS {target}" for name, target in targets.items())
        op.execute(f"ALTER TABLE {table} {changes}")


def _types(kind: str) -> None:
    for table, column in _JSON.items():
        op.execute(f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING {column}::{kind}")
