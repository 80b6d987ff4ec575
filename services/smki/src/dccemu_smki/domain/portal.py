"""Portal batches: a ZIP of CSR files in, a text report and a ZIP of certificates out (smki.md section 5.5)."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Sequence

from dccemu_protocol.errors import ProtocolError

from .codes import ItemStatus
from .messages import BatchItem, ItemResult
from .timing import MAX_BATCH

_MAX_FILE = 8192
_MAX_TOTAL = 64 * 1024 * 1024
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,96}\.csr\Z", re.IGNORECASE)
_SOURCE = "SEC Appendix M; smki.md section 5.5"
_REPORT = {
    ItemStatus.SUCCESS: "success",
    ItemStatus.ISSUANCE_ANOMALY: "anomaly",
    ItemStatus.INELIGIBLE: "ineligible",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_zip(content: bytes) -> tuple[BatchItem, ...]:
    """The CSR files in the root of a ZIP; an item's identifier is its file name without ``.csr``.

    Raises
    ------
    ProtocolError
        ``BAD_MESSAGE`` for anything else in it, ``TOO_MANY_REQUESTS`` for more than fifty thousand.
    """
    # Counted before the library makes an object of each entry.
    if content.count(b"PK\x01\x02") > MAX_BATCH:
        raise ProtocolError("TOO_MANY_REQUESTS", f"more than {MAX_BATCH} files", source=_SOURCE)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise _refused(f"not a ZIP file: {str(error)[:80]}") from None
    if sum(member.file_size for member in members) > _MAX_TOTAL:
        raise _refused(f"more than {_MAX_TOTAL} octets when unpacked")
    items: list[BatchItem] = []
    names: set[str] = set()
    for member in members:
        base = member.filename[:-4]
        if member.is_dir() or not _NAME.match(member.filename) or base.lower() in names:
            raise _refused(f"{member.filename[:60]!r} is not a .csr file of its own name in the root")
        if member.file_size > _MAX_FILE:
            raise _refused(f"{member.filename[:60]!r} has {member.file_size} octets: no CSR has")
        names.add(base.lower())
        items.append(BatchItem(base, _content(archive, member)))
    if not items:
        raise _refused("there is no .csr file in it")
    return tuple(items)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            data = file.read(_MAX_FILE + 1)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise _refused(f"{member.filename[:60]!r}: {str(error)[:80]}") from None
    except Exception as error:  # noqa: BLE001 - a decompressor's own error classes: zlib.error, lzma.LZMAError
        raise _refused(f"{member.filename[:60]!r}: {str(error)[:80]}") from None
    if len(data) > _MAX_FILE:
        raise _refused(f"{member.filename[:60]!r} is longer than it says")
    return data


def report(results: Sequence[ItemResult]) -> str:
    """One line an item: CSR identifier, file name, status, error code."""
    lines = ["CSRIdentifier,FileName,Status,ErrorCode"]
    for place, result in enumerate(results, 1):
        status = _REPORT.get(result.outcome.status, "error")
        name = f"{result.id}.csr"
        lines.append(f"{place},{_quoted(name)},{status},{result.outcome.code or ''}")
    return "\r\n".join(lines) + "\r\n"


def response_zip(results: Sequence[ItemResult]) -> bytes:
    """The certificates issued, as ``.crt`` of the same base names, in base64 as the CSRs were."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for result in results:
            if result.certificate is not None:
                name = zipfile.ZipInfo(f"{result.id}.crt", _EPOCH)
                archive.writestr(name, base64.b64encode(result.certificate), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def response_name(name: str) -> str:
    """The name of the result: that of the request with ``-response`` added."""
    base, dot, ending = name.rpartition(".")
    return f"{base}-response{dot}{ending}" if dot else f"{name}-response.zip"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _refused(detail: str) -> ProtocolError:
    return ProtocolError("BAD_MESSAGE", detail, source=_SOURCE)
