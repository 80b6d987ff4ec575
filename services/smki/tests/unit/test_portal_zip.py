"""Portal batches: what is taken, what is refused, what comes back (smki.md section 5.5)."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.errors import ProtocolError
from dccemu_smki.domain.codes import ItemStatus, Outcome
from dccemu_smki.domain.messages import ItemResult
from dccemu_smki.domain.portal import read_zip, report, response_name, response_zip


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def test_files_in_the_root_are_items_by_base_name() -> None:
    items = read_zip(zipped({"a.csr": b"AAAA", "b.CSR": b"BBBB"}))

    assert [(item.id, item.csr) for item in items] == [("a", b"AAAA"), ("b", b"BBBB")]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.txt": b"A"},
        {"folder/a.csr": b"A"},
        {"../a.csr": b"A"},
        {"a.csr": b"A", "A.csr": b"A"},
        {"a.csr": b"A" * 9000},
        {".csr": b"A"},
    ],
)
def test_anything_else_in_it_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(ProtocolError, match="BAD_MESSAGE"):
        read_zip(zipped(files))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(ProtocolError, match="BAD_MESSAGE"):
        read_zip(zipped({"a.csr": b"A" * 50_000_000}))


def test_more_than_fifty_thousand_files_are_refused() -> None:
    with pytest.raises(ProtocolError, match="TOO_MANY_REQUESTS"):
        read_zip(b"PK\x01\x02" * 50_001)


def test_a_file_that_lies_about_its_content_is_refused() -> None:
    good = zipped({"a.csr": b"A" * 100})
    for place in range(30, len(good) - 22, 7):
        bad = bytearray(good)
        bad[place] ^= 0x55
        try:
            read_zip(bytes(bad))
        except ProtocolError:
            continue


@given(st.binary(max_size=300))
def test_no_octets_make_it_fail_otherwise(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_zip(b"PK\x03\x04" + data)


def test_report_and_response_name_the_items_as_they_came() -> None:
    results = [
        ItemResult("one", Outcome(ItemStatus.SUCCESS), b"\x30\x00"),
        ItemResult('tw"o', Outcome(ItemStatus.ISSUANCE_ANOMALY, "CA:AA1", "limit")),
        ItemResult("three", Outcome(ItemStatus.CSR_ERROR, "CR:AA1", "broken")),
        ItemResult("four", Outcome(ItemStatus.INELIGIBLE, "IN:AA1", "not yours")),
    ]

    assert report(results).splitlines()[1:] == [
        '1,"one.csr",success,',
        '2,"tw""o.csr",anomaly,CA:AA1',
        '3,"three.csr",error,CR:AA1',
        '4,"four.csr",ineligible,IN:AA1',
    ]
    archive = zipfile.ZipFile(io.BytesIO(response_zip(results)))
    assert {name: archive.read(name) for name in archive.namelist()} == {"one.crt": b"MAA="}
    assert response_name("night.zip") == "night-response.zip"
