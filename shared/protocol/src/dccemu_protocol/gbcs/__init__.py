"""GBCS messages: octets to typed values and back, their protection, and their meaning.

Layers, outermost first (gbcs.md section 2): ``envelope`` (MAC header and grouping header), ``crypto``
(signature, MAC, encryption), then the payload protocols ``dlms`` over ``datum``, ``gbz`` over ``zcl``, and ``der``.
``read`` and ``inspect`` put them together for reading.
"""
