"""The tables of the inventory.

Revision ID: inventory_0001
Revises:
"""

from __future__ import annotations

from alembic import op

from dccemu_inventory.adapters.tables import metadata

revision = "inventory_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove every table."""
    metadata.drop_all(op.get_bind())
