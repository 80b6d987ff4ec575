"""adapters of the inventory service."""
