"""The consent register.

Revision ID: inventory_0003
Revises: inventory_0002
"""

from __future__ import annotations

from alembic import op

from dccemu_inventory.adapters.tables import consents

revision = "inventory_0003"
down_revision = "inventory_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, unless the first migration of a new schema made it."""
    consents.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Remove the table."""
    consents.drop(op.get_bind())
