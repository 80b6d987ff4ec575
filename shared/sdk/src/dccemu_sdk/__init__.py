"""dccemu-sdk: a client for Users of the DCC User Gateway, and a pytest plugin."""
