"""Entries of the Certified Products List become facts with a version.

Revision ID: inventory_0002
Revises: inventory_0001
"""

from __future__ import annotations

from alembic import op

revision = "inventory_0002"
down_revision = "inventory_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a database of the first revision lacks; a new one has it from the tables."""
    op.execute("ALTER TABLE products ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE products ADD COLUMN IF NOT EXISTS removed boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    """Take the columns away, and with them what was taken off the list."""
    op.execute("DELETE FROM products WHERE removed")
    op.drop_column("products", "version")
    op.drop_column("products", "removed")
