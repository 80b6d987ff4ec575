"""`dccemu up`: the five services in one process or in a process each."""
