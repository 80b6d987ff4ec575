"""Migrations of the SM WAN's schema."""
