"""The chaos driver: kills parts of the isolated topology under load and counts what became of every request."""
