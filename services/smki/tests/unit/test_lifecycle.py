"""Every cell of the lifecycle's table (smki.md section 6)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind
from dccemu_smki.domain.grounds import GROUNDS, crl_reason
from dccemu_smki.domain.lifecycle import Event, Status, next_status, status_at

ORGANISATION = {
    ("P", "accepted"): "I",
    ("P", "rejected"): "R",
    ("P", "revoked"): "R",
    ("I", "rejected"): "R",
    ("I", "replaced"): "N",
    ("I", "expired"): "E",
    ("I", "revoked"): "R",
    ("N", "expired"): "E",
    ("N", "revoked"): "R",
}
DEVICE = {
    ("P", "accepted"): "I",
    ("P", "rejected"): "N",
    ("I", "rejected"): "N",
    ("I", "replaced"): "N",
    ("N", "reused"): "I",
}


@pytest.mark.parametrize(("kind", "status", "event"), list(product(Kind, Status, Event)))
def test_every_cell(kind: Kind, status: Status, event: Event) -> None:
    wanted = (DEVICE if kind is Kind.DEVICE else ORGANISATION).get((status.value, event.value))

    if wanted is None:
        with pytest.raises(ProtocolError, match="BAD_STATUS"):
            next_status(kind, status, event)
    else:
        assert next_status(kind, status, event).value == wanted


def test_what_has_run_out_is_expired_but_never_a_device() -> None:
    end, later = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)

    assert status_at(Kind.ORGANISATION, Status.IN_USE, end, later) is Status.EXPIRED
    assert status_at(Kind.ORGANISATION, Status.REVOKED, end, later) is Status.REVOKED
    assert status_at(Kind.ORGANISATION, Status.IN_USE, end, end) is Status.IN_USE
    assert status_at(Kind.DEVICE, Status.IN_USE, end, later) is Status.IN_USE


def test_grounds_have_reasons_and_there_is_no_suspension() -> None:
    assert crl_reason("key-compromised") == "keyCompromise"
    assert "certificateHold" not in GROUNDS.values()
    with pytest.raises(ProtocolError, match="BAD_GROUNDS"):
        crl_reason("certificateHold")
