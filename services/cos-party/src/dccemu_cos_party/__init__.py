"""dccemu-cos-party: the CoS Party and the Non-Gateway Interface."""
