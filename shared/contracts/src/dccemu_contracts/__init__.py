"""dccemu-contracts: the messages on the bus, the topics and the AsyncAPI document."""
