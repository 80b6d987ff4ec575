"""Schedules (5.1 to 5.3)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "gateway_0002"
down_revision = "gateway_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE schedule_numbers")
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("schedules_owner", "schedules", ["user_", "device"])


def downgrade() -> None:
    op.drop_table("schedules")
    op.execute("DROP SEQUENCE schedule_numbers")
