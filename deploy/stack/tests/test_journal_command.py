"""`dccemu journal`: lines for what happened, every check of one entry, and the options as filters of the admin port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from dccemu.main import app

REQUEST = "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:1000"
REFUSED: dict[str, Any] = {
    "id": "e2",
    "service": "gateway",
    "at": "2026-01-01T00:00:01+00:00",
    "stage": "request",
    "outcome": "refused E4",
    "request_id": REQUEST,
    "user": "90-B3-D5-1F-30-01-00-00",
    "device": "00-DB-12-34-56-78-90-A0",
    "srv": "4.1.1",
    "checks": [
        {"rule": "WELL_FORMED", "passed": True, "expected": "", "got": "", "source": "duis.md 1"},
        {"rule": "NOT_REGISTERED", "passed": False, "expected": "a registration", "got": "none", "source": "check 19"},
    ],
    "detail": {"code": "E4"},
    "message": "<Request/>",
}
ACCEPTED: dict[str, Any] = {
    **REFUSED,
    "id": "e1",
    "at": "2026-01-01T00:00:00+00:00",
    "outcome": "accepted",
    "checks": [],
}


class Port:
    """An admin port with two journal entries, newest first; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, object]:
        self.asked.append((path, query))
        if path == "/admin/journal":
            wanted = query.get("request_id", [REQUEST])
            return 200, {"entries": [REFUSED, ACCEPTED] if wanted == [REQUEST] else []}
        return (200, REFUSED) if path.endswith("/e2") else (404, {"detail": "no journal entry has the id"})


@pytest.fixture
def port() -> Iterator[Port]:
    found = Port()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at = urlsplit(self.path)
            status, value = found.answer(at.path, parse_qs(at.query))
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["journal", *words])


def test_entries_are_lines_oldest_first(port: Port) -> None:
    done = run("--admin", port.url)
    assert done.exit_code == 0, done.output
    first, second = done.output.splitlines()
    assert first.split() == ["2026-01-01T00:00:00Z", "gateway", "request", "accepted", "4.1.1", REQUEST, "[e1]"]
    assert second.split()[-3:] == [REQUEST, "NOT_REGISTERED", "[e2]"]


def test_options_are_filters(port: Port) -> None:
    device, user = "00-db-12-34-56-78-90-a0", "90-b3-d5-1f-30-01-00-00"
    words = ("--device", device, "--user", user, "--srv", "4.1.1", "--request-id", REQUEST, "--limit", "7")
    assert run("--admin", port.url, *words, "--since", "2026-01-01").exit_code == 0
    assert port.asked == [
        (
            "/admin/journal",
            {
                "device": [device.upper()],
                "user": [user.upper()],
                "srv": ["4.1.1"],
                "request_id": [REQUEST],
                "limit": ["7"],
                "since": ["2026-01-01T00:00:00+00:00"],
            },
        )
    ]


def test_an_entry_shows_every_check(port: Port) -> None:
    done = run("e2", "--admin", port.url)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-6:-1] == [
        "  code              E4",
        "  pass  WELL_FORMED  (duis.md 1)",
        "  FAIL  NOT_REGISTERED  (check 19)",
        "        expected  a registration",
        "        got       none",
    ]


def test_a_request_id_shows_all_of_its_entries(port: Port) -> None:
    done = run(REQUEST.lower(), "--admin", port.url, "--json")
    assert [json.loads(line)["id"] for line in done.output.splitlines()] == ["e1", "e2"]


@pytest.mark.parametrize("identifier", ["e9", REQUEST.replace("1000", "1001")])
def test_what_the_journal_does_not_hold_is_said_in_one_line(port: Port, identifier: str) -> None:
    done = run(identifier, "--admin", port.url)
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1


def test_a_suite_that_does_not_run_is_said_in_one_line(unused_port: int) -> None:
    done = run("--admin", f"http://127.0.0.1:{unused_port}")
    assert done.exit_code == 1
    assert "is `dccemu up` running?" in done.output


@pytest.fixture
def unused_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return int(server.server_address[1])
