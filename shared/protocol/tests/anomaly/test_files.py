"""The files of Threshold Anomaly Detection (service-request-processing.md section 16)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dccemu_protocol import catalogue
from dccemu_protocol.anomaly import (
    ActionFile,
    ActionRow,
    FileRefused,
    QuarantineAction,
    SignedFile,
    Threshold,
    ThresholdFile,
    read_actions,
    read_thresholds,
    write_actions,
    write_thresholds,
)
from dccemu_protocol.errors import ProtocolError

USER = "90-B3-D5-1F-30-01-00-00"
HEADER = b"reference,user_id,srv,window_seconds,warning,quarantine,valid_from,valid_to,exception_note\r\n"
instants = st.integers(0, 10**9).map(lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    quarantine = draw(st.integers(0, 1_000_000))
    since = draw(instants)
    return Threshold(
        draw(st.sampled_from(["*", *sorted(catalogue.service_requests)])),
        timedelta(seconds=draw(st.integers(1, 31 * 86_400))),
        draw(st.none() | st.integers(0, quarantine)),
        quarantine,
        since,
        draw(st.none() | st.integers(1, 10**6).map(lambda seconds: since + timedelta(seconds=seconds))),
        draw(st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(' ,"'), max_size=200)),
    )


@settings(max_examples=50)
@given(rows=st.lists(thresholds(), min_size=1, max_size=8, unique_by=lambda one: (one.srv, one.valid_from)))
def test_what_is_written_is_read(rows: list[Threshold]) -> None:
    file = ThresholdFile("TAD-1", USER, tuple(rows))

    assert read_thresholds(write_thresholds(file)) == file


def test_the_layout_is_the_documented_one() -> None:
    row = Threshold("4.1.1", timedelta(hours=1), 5, 10, datetime(2026, 3, 1, tzinfo=UTC))

    assert write_thresholds(ThresholdFile("TAD-1", USER, (row,))) == (
        HEADER + b"TAD-1,90-B3-D5-1F-30-01-00-00,4.1.1,3600,5,10,2026-03-01T00:00:00Z,,\r\n"
    )


GOOD = f"TAD-1,{USER},4.1.1,3600,5,10,2026-03-01T00:00:00Z,,"
BAD = {
    "reference": GOOD.replace("TAD-1", "TAD-2"),
    "user_id": GOOD.replace(USER, "90-B3-D5-1F-30-01-00"),
    "srv": GOOD.replace("4.1.1", "4.1.99"),
    "window_seconds": GOOD.replace("3600", "0"),
    "warning": GOOD.replace(",5,10,", ",11,10,"),
    "quarantine": GOOD.replace(",10,", ",-1,"),
    "valid_from": GOOD.replace("T00:00:00Z", ""),
    "valid_to": GOOD.replace("Z,,", "Z,2026-02-01T00:00:00Z,"),
    "exception_note": GOOD + "x" * 201,
    "row": GOOD + ",more",
}


@pytest.mark.parametrize("column", BAD)
def test_each_bad_row_is_named_by_number_and_column(column: str) -> None:
    good = GOOD.replace("2026-03-01", "2026-03-02")
    content = HEADER + f"{good}\r\n{BAD[column]}\r\n".encode()

    with pytest.raises(FileRefused) as refused:
        read_thresholds(content)

    assert refused.value.rule == "FILE_ROWS"
    assert [(fault.row, fault.column) for fault in refused.value.faults] == [(3, column)]


@pytest.mark.parametrize(
    "content",
    [b"", HEADER, b"\xff", b"\xef\xbb\xbf" + HEADER + GOOD.encode(), b"a,b\r\n1,2\r\n", HEADER + b'"', HEADER + b"\0"],
)
def test_what_is_no_such_file_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        read_thresholds(content)

    assert refused.value.rule == "FILE_FORM"


def test_actions_name_events_and_requests() -> None:
    file = ActionFile(
        "TAD-2",
        USER,
        (
            ActionRow(None, None, QuarantineAction.DELETE),
            ActionRow(12345678901234567890, f"{USER}:00-DB-12-34-56-78-90-A0:7", QuarantineAction.RELEASE),
        ),
    )

    assert read_actions(write_actions(file)) == file
    twice = ActionFile("TAD-2", USER, (file.rows[0], ActionRow(None, None, QuarantineAction.RELEASE)))
    with pytest.raises(FileRefused):
        read_actions(write_actions(twice))


WHOLE = {"csv": "a\r\n", "signature": "MAA=", "certificate": {"issuer": "CN=Z1,OU=07", "serial": "01"}}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        *({**WHOLE, name: wrong} for name in WHOLE for wrong in (None, 1, [])),
        *({**WHOLE, "certificate": {**WHOLE["certificate"], name: None}} for name in ("issuer", "serial")),
        {**WHOLE, "signature": "not base64"},
        {**WHOLE, "certificate": {"issuer": "CN=Z1", "serial": "xyz"}},
    ],
)
def test_a_document_that_is_no_signed_file_is_refused(document: object) -> None:
    with pytest.raises(ProtocolError, match="FILE_FORM"):
        SignedFile.of_json(document)


def test_a_file_travels_in_one_document() -> None:
    file = SignedFile.of_json(WHOLE)

    assert (file.content, file.signature, file.issuer, file.serial) == (b"a\r\n", b"0\0", "CN=Z1,OU=07", 1)
    assert SignedFile.of_json(file.as_json()) == file
