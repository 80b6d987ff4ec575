"""The schema of DUIS 5.4, of this project's own making: tables, and a fast check of documents against them."""

from .validator import place_of, validate

__all__ = ["place_of", "validate"]
