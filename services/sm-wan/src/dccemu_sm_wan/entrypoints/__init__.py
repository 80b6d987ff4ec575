"""entrypoints of the sm-wan service."""
