"""Commands of the `dccemu` command line, one module each."""
