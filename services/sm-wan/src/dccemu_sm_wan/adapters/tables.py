"""Tables of the SM WAN's own schema.

A Device is a row with its facts and behaviour, and one row for each value it remembers. Its keys and certificates are
in a table of their own, which a reset leaves alone. Values are JSON text.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, MetaData, PrimaryKeyConstraint, Table, Text

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
