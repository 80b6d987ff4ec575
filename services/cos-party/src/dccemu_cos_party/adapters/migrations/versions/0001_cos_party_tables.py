"""The tables of the CoS Party.

Revision ID: cos_party_0001
Revises:
"""

from __future__ import annotations

from alembic import op

from dccemu_cos_party.adapters.tables import metadata

revision = "cos_party_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove every table."""
    metadata.drop_all(op.get_bind())
