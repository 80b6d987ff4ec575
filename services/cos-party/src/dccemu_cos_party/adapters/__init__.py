"""adapters of the cos-party service."""
