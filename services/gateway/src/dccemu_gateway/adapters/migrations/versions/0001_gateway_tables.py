"""The gateway's tables: requests, Pre-Commands, Commands, answers, deliveries, counters, connections, receivers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "gateway_0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("service_reference", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Text, nullable=False),
        sa.Column("command_variant", sa.SmallInteger, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("execution_at", _TIME),
        sa.Column("document", sa.LargeBinary),
    )
    op.create_index("requests_device", "requests", ["device"])
    op.create_index(
        "requests_waiting", "requests", ["state"], postgresql_where=sa.text("state IN ('held', 'with-cos')")
    )
    op.create_table(
        "pre_commands",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("use_case", sa.Text, nullable=False),
        sa.Column("message_code", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("execution_at", _TIME),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.create_index("pre_commands_made_at", "pre_commands", ["made_at"])
    op.create_table(
        "commands",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("srv", sa.Text, nullable=False),
        sa.Column("service_reference", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Text, nullable=False),
        sa.Column("use_case", sa.Text, nullable=False),
        sa.Column("originator", sa.Text, nullable=False),
        sa.Column("counter", sa.Numeric(20, 0), nullable=False),
        sa.Column("message_code", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sent_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("execution_at", _TIME),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("extra", JSONB, nullable=False),
    )
    op.create_index("commands_match", "commands", ["device", "counter"])
    op.create_index(
        "commands_open", "commands", ["expires_at"], postgresql_where=sa.text("state IN ('sent', 'taken-up')")
    )
    op.create_index("commands_request", "commands", ["request_id"])
    op.create_table("answers", sa.Column("command_id", sa.Text, primary_key=True))
    op.create_table(
        "deliveries",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("user_", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("response_id", sa.Text),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("delivered_at", _TIME),
    )
    op.create_index("deliveries_pending", "deliveries", ["position"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index("deliveries_request", "deliveries", ["request_id"])
    op.create_index("deliveries_user", "deliveries", ["user_"])
    op.create_table(
        "role_counters",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next", sa.Numeric(20, 0), nullable=False),
    )
    op.create_table(
        "connections",
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("party", sa.Text, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("withdrawn_at", _TIME),
    )
    op.create_table(
        "tls_authorities",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "receivers",
        sa.Column("user_", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "receivers",
        "tls_authorities",
        "connections",
        "role_counters",
        "deliveries",
        "answers",
        "commands",
        "pre_commands",
        "requests",
    ):
        op.drop_table(table)
