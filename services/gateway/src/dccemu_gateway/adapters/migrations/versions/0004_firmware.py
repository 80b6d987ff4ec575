"""Firmware distributions (11.1, 11.4)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0004"
down_revision = "gateway_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "firmware_distributions",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "device"),
    )
    op.create_index("firmware_distributions_device", "firmware_distributions", ["device", "opened_at"])


def downgrade() -> None:
    op.drop_table("firmware_distributions")
