"""entrypoints of the inventory service."""
