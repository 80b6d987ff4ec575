"""dccemu-smki: the SMKI: certificate authorities, registration authority and repository."""
