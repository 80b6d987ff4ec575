"""Tables of the inventory's own schema.

A record is kept whole as the fact that is published (``body``, JSON text), with the columns beside it that are
searched.
"""

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
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

#: The version of every published fact: rises with each change of anything, also over deletion and re-creation.
fact_version = Sequence("fact_version", metadata=metadata)

#: Inventory records; a removed one stays as a tombstone.
devices = Table(
    "devices",
    metadata,
    Column("device", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text),
    Column("manufacturer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("firmware_version", Text),
    Column("hub", Text),
    Column("meters", ARRAY(Text), nullable=False),
    Column("mpxns", ARRAY(Text), nullable=False),
    Column("uprn", Text),
    Column("post_code", Text),
    Column("body", Text, nullable=False),
    Index("devices_hub", "hub"),
    Index("devices_meters", "meters", postgresql_using="gin"),
    Index("devices_mpxns", "mpxns", postgresql_using="gin"),
    Index("devices_uprn", "uprn"),
    Index("devices_post_code", "post_code"),
    Index("devices_product", "type", "manufacturer", "model", "firmware_version"),
)

#: Every change of status (inventory.md section 3.1).
device_history = Table(
    "device_history",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("device", Text, nullable=False),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("event", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("request_id", Text),
    Column("user_", Text),
    Index("device_history_device", "device", "position"),
)

#: Post-commissioning duties (inventory.md section 7).
duties = Table(
    "duties",
    metadata,
    Column("device", Text, nullable=False),
    Column("duty", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("note", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("device", "duty"),
    Index("duties_open", "due_at", postgresql_where=text("done_at IS NULL")),
)

#: The Certified Products List; ``firmware_version`` is empty for Type 2 Devices.
products = Table(
    "products",
    metadata,
    Column("type", Text, nullable=False),
    Column("manufacturer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("firmware_version", Text, nullable=False),
    Column("smets_chts_version", Text),
    Column("gbcs_version", Text),
    Column("image_hash", Text),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("removed", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("type", "manufacturer", "model", "firmware_version"),
)

#: Meter points with their registrations; ``network`` is the participant id of the network operator that feeds them.
meter_points = Table(
    "meter_points",
    metadata,
    Column("mpxn", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("fuel", Text, nullable=False),
    Column("network", Text),
    Column("body", Text, nullable=False),
    Index("meter_points_network", "network"),
)

#: SEC Parties with their User IDs.
parties = Table(
    "parties",
    metadata,
    Column("party", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

#: Consents of Energy Consumers that Other Users recorded.
consents = Table(
    "consents",
    metadata,
    Column("consent", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("user_", Text, nullable=False),
    Column("body", Text, nullable=False),
)

#: EUI-64s given out from the central registry entry, or taken up from a scenario.
identifiers = Table(
    "identifiers",
    metadata,
    Column("eui", Text, primary_key=True),
    Column("party", Text),
    Column("purpose", Text, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
)

#: Registration files as received: one row for each generation of a provider.
feeds = Table(
    "feeds",
    metadata,
    Column("provider", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("fuel", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("response", Text, nullable=False),
    # The file itself, only while it is held for a missing generation.
    Column("content", Text),
    PrimaryKeyConstraint("provider", "generation"),
)

#: Registration Data Providers with the network operators that they serve; those are jointly liable for the provider.
providers = Table(
    "providers",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("networks", ARRAY(Text), nullable=False),
)

#: Incidents raised by the inventory itself (a bad registration file).
incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True)),
)

#: SM WAN coverage by postcode (without spaces) for 12.1.
wan_areas = Table(
    "wan_areas",
    metadata,
    Column("post_code", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("covered", Boolean, nullable=False),
    Column("available_from", Date),
    Column("technology", Text, nullable=False),
    Column("addresses", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("post_code", "region"),
)

#: Elements of the User Entry Process that are done, by Party and User Role.
entry_elements = Table(
    "entry_elements",
    metadata,
    Column("user_", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("done_at", DateTime(timezone=True), nullable=False),
    # A Party may rely on an earlier proof of a shared system: whose it was.
    Column("proven_by", Text),
)

#: Panel decisions on rights after an Event of Default.
suspensions = Table(
    "suspensions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("party", Text, nullable=False),
    Column("right_", Text, nullable=False),
    Column("services", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("approved_at", DateTime(timezone=True)),
    Column("lifted_at", DateTime(timezone=True)),
    Column("detail", JSONB, nullable=False),
)

#: Small facts about the service itself: whether a scenario was seeded, the DCC's own identifiers.
notes = Table("notes", metadata, Column("name", Text, primary_key=True), Column("value", JSONB, nullable=False))

TABLES = tuple(table.name for table in metadata.sorted_tables)
