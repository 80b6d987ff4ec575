"""The gateway's own history of its schema."""
