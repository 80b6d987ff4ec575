"""adapters of the smki service."""
