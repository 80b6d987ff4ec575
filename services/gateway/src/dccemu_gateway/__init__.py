"""dccemu-gateway: the DCC Data Service: DUIS web services and Service Request processing."""
