"""The parts of ``make bench``: each returns figures of one run, as ratios to a limit measured in the same run."""
