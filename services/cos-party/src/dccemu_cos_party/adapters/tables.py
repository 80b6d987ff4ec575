"""Tables of the CoS Party's own schema."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

#: Every request ever handed over, with what was decided: the replay protection and the audit.
requests = Table(
    "requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),  # held, signed, refused, quarantined
    Column("mpxn", Text),
    Column("execution_at", DateTime(timezone=True)),
    Column("counter", BigInteger),
    Column("payload", Text),
    Column("rule", Text),
    Column("detail", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("event_reference", BigInteger),
    Index("requests_user", "user_", "received_at"),
    Index("requests_device", "device", "state"),
    Index("requests_mpxn_held", "mpxn", postgresql_where=text("state = 'held'")),
)

#: The originator counter: one for all Devices, strictly rising whatever the Clock does.
counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

#: Anomaly thresholds for 6.23 by User ID; ``*`` is the CoS Party's own over all Users.
thresholds = Table(
    "thresholds",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("maximum", Integer, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("warning", Integer),
    Column("set_by", Text, nullable=False),
)

#: Thresholds for 6.23 from signed files, as given; ``*`` is the CoS Party's own over all Users. They come before those
#: in ``thresholds`` while they are in force.
filed_thresholds = Table(
    "filed_thresholds",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("reference", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("warning", Integer),
    Column("quarantine", Integer, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("valid_to", DateTime(timezone=True)),
    Column("note", Text, nullable=False),
    Index("filed_thresholds_user", "user_"),
)

#: Files of threshold anomaly detection that were taken: a reference serves once.
anomaly_files = Table(
    "anomaly_files",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("signer", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

#: Suppliers enrolled on the Non-Gateway Interface after an identity check.
suppliers = Table(
    "suppliers",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("token_digest", Text, nullable=False),
    Column("identity_check", JSONB, nullable=False),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
)

#: Expected numbers of requests for a coming month.
forecasts = Table(
    "forecasts",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("expected", Integer, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
)

#: Requests made on the Non-Gateway Interface; each Device is a request to the CoS Party of its own.
ngi_requests = Table(
    "ngi_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_", Text, nullable=False),
    Column("mpxn", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("responsible_since", DateTime(timezone=True)),
    Column("late", Boolean, nullable=False),
    Column("devices", ARRAY(Text), nullable=False),
    Column("document", Text, nullable=False),
    Column("rule", Text),
    Column("detail", Text),
)

TABLES = tuple(table.name for table in metadata.sorted_tables)
