"""The history of the inventory's schema."""
