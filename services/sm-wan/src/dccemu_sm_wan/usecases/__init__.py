"""usecases of the sm-wan service."""
