"""The gateway's tables, as models: the migrations make them, a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
_TIME = DateTime(timezone=True)

#: Accepted Service Requests, one row for each RequestID and kind of message.
requests = Table(
    "requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("user_", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("service_reference", Text, nullable=False),
    Column("schema_version", Text, nullable=False),
    Column("command_variant", SmallInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("received_at", _TIME, nullable=False),
    Column("execution_at", _TIME),
    # The document as received, kept while the request waits: for the CoS Party, for its date, for its predecessor.
    Column("document", LargeBinary),
    Index("requests_received", "received_at", postgresql_using="brin"),
    Index("requests_waiting", "device", postgresql_where=text("state IN ('held', 'with-cos')")),
)

#: Pre-Commands until their Signed Pre-Command comes or their life ends.
pre_commands = Table(
    "pre_commands",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("use_case", Text, nullable=False),
    Column("message_code", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("made_at", _TIME, nullable=False),
    Column("execution_at", _TIME),
    Column("facts", Text, nullable=False),
    Index("pre_commands_made_at", "made_at", postgresql_using="brin"),
)

#: Commands sent to Devices or given for local delivery.
commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("service_reference", Text, nullable=False),
    Column("schema_version", Text, nullable=False),
    Column("use_case", Text, nullable=False),
    Column("originator", Text, nullable=False),
    Column("counter", Numeric(20, 0), nullable=False),
    Column("message_code", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("sent_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("execution_at", _TIME),
    Column("payload", LargeBinary, nullable=False),
    # What else its Response needs: the Customer Identification Number, the schedule, instructions seen, request facts.
    Column("extra", Text, nullable=False),
    Index("commands_match", "device", "counter", postgresql_where=text("state IN ('sent', 'taken-up', 'local')")),
    Index("commands_open", "expires_at", postgresql_where=text("state IN ('sent', 'taken-up')")),
    Index("commands_request", "request_id", postgresql_using="hash"),
)

#: Commands whose one final answer has been made: the fence between Response, time-out and "not delivered".
answers = Table("answers", metadata, Column("command_id", Text, primary_key=True))

#: Answers and Alerts on their way to Users.
deliveries = Table(
    "deliveries",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("user_", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request_id", Text),
    Column("response_id", Text),
    Column("code", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("due_at", _TIME, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("last_error", Text),
    Column("delivered_at", _TIME),
    Index("deliveries_pending", "position", postgresql_where=text("state = 'pending'")),
    Index("deliveries_request", "request_id", postgresql_using="hash"),
)

#: Schedules of Users; the number is the DSPScheduleID, from the sequence ``schedule_numbers``.
schedules = Table(
    "schedules",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("schema_version", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Index("schedules_owner", "user_", "device"),
)

#: Firmware distributions by 11.1 and 11.4: one row for each Device of a request.
firmware_distributions = Table(
    "firmware_distributions",
    metadata,
    Column("request_id", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("user_", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    PrimaryKeyConstraint("request_id", "device"),
    Index("firmware_distributions_device", "device", "opened_at"),
)

#: Counters of the DCC's own roles, given out in blocks.
role_counters = Table(
    "role_counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", Numeric(20, 0), nullable=False),
)

#: Client certificates for mutual TLS, and the authority that made them.
connections = Table(
    "connections",
    metadata,
    Column("serial", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("issued_at", _TIME, nullable=False),
    Column("expires_at", _TIME, nullable=False),
    Column("withdrawn_at", _TIME),
)
tls_authorities = Table(
    "tls_authorities",
    metadata,
    Column("name", Text, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
)

#: Receive Response Services set by an operator: they come before what the inventory says.
receivers = Table(
    "receivers",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("url", Text, nullable=False),
)

#: Reference numbers given for files of threshold anomaly detection, and the signed file that used each.
anomaly_files = Table(
    "anomaly_files",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("user_", Text, nullable=False),
    Column("given_at", _TIME, nullable=False),
    Column("used_at", _TIME),
    Column("kind", Text),
    Column("signer", Text),
    Column("signature", LargeBinary),
    Column("content", LargeBinary),
)

#: Thresholds as given, by User ID; ``*`` are the DCC's own over all Users.
thresholds = Table(
    "thresholds",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("reference", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("warning", Integer),
    Column("quarantine", Integer, nullable=False),
    Column("valid_from", _TIME, nullable=False),
    Column("valid_to", _TIME),
    Column("note", Text, nullable=False),
    Index("thresholds_owner", "owner", "srv"),
)

#: Requests that exceeded a threshold: the request itself is in ``requests``, ``alert`` is the delivery that told.
quarantine = Table(
    "quarantine",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("event", Numeric(20, 0), nullable=False),
    Column("user_", Text, nullable=False),
    Column("srv", Text, nullable=False),
    Column("breach", Text, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    Column("quarantined_at", _TIME, nullable=False),
    Column("alert", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_at", _TIME),
    Column("reference", Text),
    Index("quarantine_user", "user_", "event"),
)
