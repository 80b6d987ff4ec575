"""Firmware images and their distribution.

Revision ID: sm_wan_0002
Revises: sm_wan_0001
"""

from __future__ import annotations

from alembic import op

from dccemu_sm_wan.adapters.tables import firmware_distributions, firmware_images, firmware_pieces

revision = "sm_wan_0002"
down_revision = "sm_wan_0001"
branch_labels = None
depends_on = None

_TABLES = (firmware_images, firmware_pieces, firmware_distributions)


def upgrade() -> None:
    """Make what a database of the first revision lacks; a new one has it from there."""
    for table in _TABLES:
        table.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    """Remove the tables."""
    for table in _TABLES:
        table.drop(op.get_bind())
