"""domain of the cos-party service."""
