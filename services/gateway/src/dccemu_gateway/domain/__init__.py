"""domain of the gateway service."""
