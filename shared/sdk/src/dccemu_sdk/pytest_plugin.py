"""pytest fixtures for tests against a running emulator."""
