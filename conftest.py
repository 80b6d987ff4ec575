"""Fixtures for all tests: see ``dccemu_runtime.testing``."""

pytest_plugins = ("dccemu_runtime.testing",)
