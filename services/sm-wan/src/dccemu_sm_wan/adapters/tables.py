"""Tables of the SM WAN's own schema.

A Device is a row with its facts and behaviour, and one row for each value it remembers. Its keys and certificates are
in a table of their own, which a reset leaves alone. Values are JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData()

#: Simulated Devices: facts and behaviour.
devices = Table(
    "devices",
    metadata,
    Column("device", Text, primary_key=True),
    Column("facts", Text, nullable=False),
    Column("behaviour", Text, nullable=False),
)

#: What Devices remember.
device_values = Table(
    "device_values",
    metadata,
    Column("device", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("device", "name"),
)

#: Private keys and certificates of Devices.
device_keys = Table(
    "device_keys",
    metadata,
    Column("device", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("device", "name"),
)

#: Commands on their way to a slow Device, in the order they came.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("command", Text, nullable=False),
    Index("deliveries_device", "device"),
)

#: Firmware images, once each, by the hash of the whole file; ``octets`` is empty until the last piece is there.
firmware_images = Table(
    "firmware_images",
    metadata,
    Column("image", Text, primary_key=True),
    Column("octets", LargeBinary),
    Column("named_at", DateTime(timezone=True), nullable=False),
)

#: Pieces of images that are not whole yet.
firmware_pieces = Table(
    "firmware_pieces",
    metadata,
    Column("image", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("octets", LargeBinary, nullable=False),
    PrimaryKeyConstraint("image", "number"),
)

#: Distributions that are open: how far the image is on its way to a Device, and when the next step is due.
firmware_distributions = Table(
    "firmware_distributions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("request_id", Text),
    Column("user_", Text),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index("firmware_distributions_image", "image"),
)
