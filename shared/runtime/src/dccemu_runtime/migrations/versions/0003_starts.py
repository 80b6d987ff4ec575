"""The number of a start: under a seed each start on one database draws ids of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "runtime_0003"
down_revision = "runtime_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "starts",
        sa.Column("id", sa.Integer, primary_key=True, server_default=sa.text("1")),
        sa.Column("count", sa.Integer, nullable=False),
        sa.CheckConstraint("id = 1", name="starts_one_row"),
    )


def downgrade() -> None:
    op.drop_table("starts")
