"""usecases of the smki service."""
