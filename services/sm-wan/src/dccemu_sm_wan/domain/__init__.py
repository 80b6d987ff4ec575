"""domain of the sm-wan service."""
