"""Thresholds from signed files.

Revision ID: cos_party_0002
Revises: cos_party_0001
"""

from __future__ import annotations

from alembic import op

from dccemu_cos_party.adapters.tables import anomaly_files, filed_thresholds

revision = "cos_party_0002"
down_revision = "cos_party_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, unless the first migration of a new schema made them."""
    for table in (filed_thresholds, anomaly_files):
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Remove the tables."""
    for table in (anomaly_files, filed_thresholds):
        table.drop(op.get_bind())
