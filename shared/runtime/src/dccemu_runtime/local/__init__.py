"""Servers for a local run and for tests, from wheels: PostgreSQL and a Kafka-protocol broker. No Docker, no Java."""
