"""usecases of the gateway service."""
