"""dccemu-protocol: DUIS, GBCS, XMLDSig, SMKI profiles and the catalogue: bytes in, values out."""
