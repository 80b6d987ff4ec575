"""The tables of the SM WAN.

Revision ID: sm_wan_0001
Revises:
"""

from __future__ import annotations

from alembic import op

from dccemu_sm_wan.adapters.tables import metadata

revision = "sm_wan_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove every table."""
    metadata.drop_all(op.get_bind())
