"""The history of the SMKI's schema."""
