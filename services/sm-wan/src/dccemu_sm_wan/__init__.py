"""dccemu-sm-wan: the SM WAN, Communications Hubs and simulated Devices."""
