"""The history of the CoS Party's schema."""
