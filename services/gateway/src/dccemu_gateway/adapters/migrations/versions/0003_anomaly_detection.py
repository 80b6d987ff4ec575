"""Threshold anomaly detection: signed files, thresholds, quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0003"
down_revision = "gateway_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anomaly_files",
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("kind", sa.Text),
        sa.Column("signer", sa.Text),
        sa.Column("signature", sa.LargeBinary),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_table(
        "thresholds",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("window_seconds", sa.Integer, nullable=False),
        sa.Column("warning", sa.Integer),
        sa.Column("quarantine", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True)),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("thresholds_owner", "thresholds", ["owner", "srv"])
    op.create_table(
        "quarantine",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("event", sa.Numeric(20, 0), nullable=False),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("breach", sa.Text, nullable=False),
        sa.Column("threshold", sa.Integer, nullable=False),
        sa.Column("window_seconds", sa.Integer, nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("reference", sa.Text),
    )
    op.create_index("quarantine_user", "quarantine", ["user_", "event"])
    # Windows are counted from the rows of the last hours at a start; the hot path pays next to nothing for this.
    op.create_index("requests_received", "requests", ["received_at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index("requests_received", "requests")
    for table in ("quarantine", "thresholds", "anomaly_files"):
        op.drop_table(table)
