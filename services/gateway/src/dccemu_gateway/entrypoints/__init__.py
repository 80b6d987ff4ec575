"""entrypoints of the gateway service."""
