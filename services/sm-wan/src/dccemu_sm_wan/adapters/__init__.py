"""adapters of the sm-wan service."""
