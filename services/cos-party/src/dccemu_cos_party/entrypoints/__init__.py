"""entrypoints of the cos-party service."""
