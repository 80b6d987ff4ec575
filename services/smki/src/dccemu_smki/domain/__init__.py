"""domain of the smki service."""
