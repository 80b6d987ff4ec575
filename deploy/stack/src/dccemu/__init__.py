"""dccemu: the command line and the one-command runner."""
