"""entrypoints of the smki service."""
