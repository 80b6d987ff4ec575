"""Stories: scenario files that a person (or a test) can play against a running suite."""
