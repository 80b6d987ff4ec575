"""The tables that every service has besides its own: made in its own schema by the runtime's migration history."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    # Where it was put: which incarnation of the bus, which partition and offset. Empty: not sent.
    Column("sent_in", Text),
    Column("partition", Integer),
    Column("offset_", BigInteger),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("outbox_unsent", "position", postgresql_where=text("sent_in IS NULL")),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("inbox_received_at", "received_at", postgresql_using="brin"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

timers = Table(
    "timers",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index("timers_due_at", "due_at"),
)

journal = Table(
    "journal",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("request_id", Text),
    Column("user_", Text),
    Column("device", Text),
    Column("srv", Text),
    Column("outcome", Text, nullable=False),
    Column("checks", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("message", LargeBinary),
    Index("journal_request_id", "request_id", postgresql_using="hash"),
)

projections = Table(
    "projections",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

#: How many times the service has opened its database: one row (see ``Entropy.after``).
starts = Table(
    "starts",
    metadata,
    Column("id", Integer, primary_key=True, server_default=text("1")),
    Column("count", Integer, nullable=False),
    CheckConstraint("id = 1", name="starts_one_row"),
)

#: Private keys that the service owns, by the service's own name for each (see ``keys``).
keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("pkcs8", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
