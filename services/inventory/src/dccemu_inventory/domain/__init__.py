"""domain of the inventory service."""
