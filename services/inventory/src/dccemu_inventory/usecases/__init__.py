"""usecases of the inventory service."""
