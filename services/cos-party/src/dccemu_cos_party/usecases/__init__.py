"""usecases of the cos-party service."""
