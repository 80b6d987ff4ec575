"""dccemu-runtime: bus, outbox, inbox, timers, clock, database, settings, TLS, telemetry, journal and faults."""
