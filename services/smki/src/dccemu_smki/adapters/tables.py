"""Tables of the SMKI's own schema."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# The version of every published fact, and the numbers that outsiders see.
fact_version = Sequence("fact_version", metadata=metadata)
transaction_number = Sequence("transaction_number", metadata=metadata)

#: Certificate authorities. ``key_name`` is absent where only the certificate is known (imported, pinned).
authorities = Table(
    "authorities",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hierarchy", Text, nullable=False),  # live, test, imported, pinned
    Column("duty", Text, nullable=False),  # root-oca, issuing-oca, root-dca, issuing-dca
    Column("issuer", Text, nullable=False),
    Column("serial", LargeBinary, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("key_name", Text),
    Column("is_current", Boolean, nullable=False, server_default=text("true")),
)

#: Sealed keys of the software key store: AES-256-GCM over PKCS#8.
sealed_keys = Table(
    "sealed_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

certificates = Table(
    "certificates",
    metadata,
    # Clients know the serial only, so it leads the key.
    Column("serial", LargeBinary, primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("eui", LargeBinary),
    Column("role", SmallInteger),
    Column("usage", Text, nullable=False),
    Column("top_up", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False),
    Column("ski", LargeBinary, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("not_after", DateTime(timezone=True), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("party", Text),
    Column("hierarchy", Text, nullable=False),  # live, test, imported
    Column("pinned", Boolean, nullable=False, server_default=text("false")),
    Column("dated", Boolean, nullable=False, server_default=text("true")),
    Column("manufacturing", Boolean, nullable=False, server_default=text("false")),
    Column("version", BigInteger, nullable=False),
    Index("certificates_eui", "eui"),
    Index("certificates_issued_at", "issued_at", postgresql_using="brin"),
    Index("certificates_expiry", "not_after", postgresql_where=text("kind <> 'device'")),
)

#: A public key is certified for one owner, usage and role.
certified_keys = Table(
    "certified_keys",
    metadata,
    Column("key_digest", LargeBinary, primary_key=True),
    Column("owner", LargeBinary, nullable=False),
    Column("usage", Text, nullable=False),
)

#: How many certificates were issued for a Device ID, and how many may be.
device_counts = Table(
    "device_counts",
    metadata,
    Column("eui", LargeBinary, primary_key=True),
    Column("issued", Integer, nullable=False, server_default=text("0")),
    Column("allowed", Integer, nullable=False, server_default=text("100")),
)

revocations = Table(
    "revocations",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("serial", LargeBinary, primary_key=True),
    Column("revoked_at", DateTime(timezone=True), nullable=False),
    Column("grounds", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("list", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)

#: CRLs and ARLs, the newest of each issuer last.
lists = Table(
    "lists",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("list", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("this_update", DateTime(timezone=True), nullable=False),
    Column("next_update", DateTime(timezone=True), nullable=False),
    Column("der", LargeBinary, nullable=False),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("party", Text, primary_key=True),
    Column("organisation", Boolean, nullable=False),
    Column("device", Boolean, nullable=False),
    Column("test_participant", Boolean, nullable=False, server_default=text("false")),
    Column("route", Text, nullable=False, server_default=text("'gateway'")),  # gateway, light
    Column("verified_at", DateTime(timezone=True)),
    Column("api_key", Text, unique=True),
    Column("registered_at", DateTime(timezone=True), nullable=False),
)

officers = Table(
    "officers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("duty", Text, nullable=False),  # SRO, ARO
    Column("organisation", Boolean, nullable=False),
    Column("device", Boolean, nullable=False),
    Column("users", ARRAY(Text)),  # null: every EUI-64 of the Party
    Column("nominated_by", Text),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Index("officers_party", "party"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("party", Text, nullable=False),
    Column("officer", Text, nullable=False),
    Column("csr", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("eui", LargeBinary, nullable=False),
    Column("role", SmallInteger),
    Column("usage", Text, nullable=False),
    Column("top_up", Boolean, nullable=False, server_default=text("false")),
    Column("hierarchy", Text, nullable=False, server_default=text("'live'")),
    Column("status", Text, nullable=False),  # submitted, rejected, issued
    Column("reason", Text),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("issuer", Text),
    Column("serial", LargeBinary),
    Index("requests_party", "party"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("party", Text, nullable=False),
    Column("source", Text, nullable=False),  # service, portal
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("content", LargeBinary),
    Column("content_digest", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("error_code", Text),
    Column("error_text", Text),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("completed_at", DateTime(timezone=True)),
    Column("polled_at", DateTime(timezone=True)),
    Index("batches_party", "party"),
    Index(
        "batches_open",
        "id",
        postgresql_where=text("status IN ('PENDING', 'PARSING', 'QUEUED', 'PROCESSING', 'PAUSED')"),
    ),
)

batch_items = Table(
    "batch_items",
    metadata,
    Column("batch", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item", Text, nullable=False),
    # What the CSR asks for, taken out of it when its proof of possession was checked.
    Column("eui", LargeBinary),
    Column("usage", Text),
    Column("point", LargeBinary),
    Column("hardware_type", Text),
    Column("status", Text),  # null: still to be dealt with
    Column("error_code", Text),
    Column("error_text", Text),
    Column("issuer", Text),
    Column("serial", LargeBinary),
    ForeignKeyConstraint(["batch"], ["batches.id"], ondelete="CASCADE"),
    # Every row is updated once, soon: room for that in its page.
    postgresql_with={"fillfactor": 50},
)

#: Published test material that the key bundle offers; never a key of a service.
bundle = Table(
    "bundle",
    metadata,
    Column("name", Text, primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("private_key", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", Text, nullable=False),
    Column("party", Text),
    Column("officer", Text),
    Column("outcome", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Index("audit_at", "at", postgresql_using="brin"),
)

recoveries = Table(
    "recoveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("way", Text, nullable=False),  # recovery, acb
    Column("party", Text, nullable=False),
    Column("notified_by", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("detail", JSONB, nullable=False),
)

recovery_commands = Table(
    "recovery_commands",
    metadata,
    Column("recovery", BigInteger, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("counter", BigInteger, nullable=False),
    Column("status", Text, nullable=False),  # sent, done, failed, undelivered
    Column("payload", LargeBinary, nullable=False),
    Column("cells", JSONB, nullable=False),
    Column("response", LargeBinary),
)

#: Stage reports of the SMKI compliance assessment and other one-off facts of the service.
records = Table(
    "records",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("detail", JSONB, nullable=False),
)
