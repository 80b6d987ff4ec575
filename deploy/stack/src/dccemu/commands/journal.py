"""`dccemu journal`: what happened to each message, and why one was refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from dccemu_sdk.admin import AdminClient, Json

from .suite import AdminUrl, StateFile, admin_client

Entry: TypeAlias = "dict[str, Json]"

app = typer.Typer(help="What happened to each message.")
_HELD = 1000
_SHOWN = 200
_WAIT_SECONDS = 30.0


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 instant", param_hint="--since") from error
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).isoformat()


@app.command()
def journal(
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="an entry's id, or a RequestID: show every check, passed or failed"),
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="EUI", help="only this User's")] = None,
    device: Annotated[str | None, typer.Option(metavar="EUI", help="only this Device's")] = None,
    srv: Annotated[str | None, typer.Option(help="only this Service Reference Variant")] = None,
    request_id: Annotated[str | None, typer.Option(help="only of this request")] = None,
    since: Annotated[str | None, typer.Option(help="from this ISO 8601 instant on")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_HELD, help="the newest so many")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="go on with what happens next, until Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    state: StateFile = None,
    admin: AdminUrl = None,
) -> None:
    """Show what happened, oldest first; with an ID, every check with rule, expected, got and clause."""
    filters = {"user": _eui(user), "device": _eui(device), "srv": srv, "request_id": _eui(request_id)}
    since = _since(since)
    with admin_client(state, admin) as client:
        if identifier is not None:
            _explain(client, identifier, as_json=as_json)
            return
        show = _as_json if as_json else _line
        shown = client.journal(**filters, since=since, limit=limit)[::-1]
        for entry in shown:
            typer.echo(show(entry))
        if follow:
            _follow(client, filters, since, shown, show)


def _eui(text: str | None) -> str | None:
    """EUI-64s and RequestIDs are kept in upper case."""
    return None if text is None else text.upper()


def _explain(client: AdminClient, identifier: str, *, as_json: bool) -> None:
    entries = (
        client.journal(request_id=_eui(identifier), limit=_HELD)[::-1]
        if ":" in identifier
        else [client.journal_entry(identifier)]
    )
    if not entries:
        typer.echo(f"the journal holds nothing of the request {identifier}", err=True)
        raise typer.Exit(1)
    for entry in entries:
        typer.echo(_as_json(entry) if as_json else "\n".join(_whole(entry)))


def _follow(
    client: AdminClient,
    filters: dict[str, str | None],
    since: str | None,
    shown: list[Entry],
    show: Callable[[Entry], str],
) -> None:
    """Ask for what is new from the newest entry on; those of that very instant are known by their ids."""
    since = str(shown[-1]["at"]) if shown else since or str(client.clock()["now"])
    known = {str(entry["id"]) for entry in shown if str(entry["at"]) >= since}
    while True:
        try:
            found = client.wait_for_journal(len(known) + 1, _WAIT_SECONDS, since=since, **filters)
        except KeyboardInterrupt:
            return
        new = [entry for entry in found[::-1] if str(entry["id"]) not in known]
        for entry in new:
            typer.echo(show(entry))
        if new:
            since = str(new[-1]["at"])
            known = {str(entry["id"]) for entry in found if str(entry["at"]) >= since}


def _as_json(entry: Entry) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _line(entry: Entry) -> str:
    """One entry as one line: time, service, stage, outcome, request, and the check that failed."""
    subject = entry.get("request_id") or entry.get("device") or entry.get("user") or ""
    text = (
        f"{_time(entry)}  {entry['service']!s:<9} {entry['stage']!s:<18} {entry['outcome']!s:<10} "
        f"{entry.get('srv') or '':<7} {subject}"
    )
    failed = next((check for check in _checks(entry) if not check.get("passed")), None)
    if failed is not None:
        text += f"  {failed['rule']}"
    return f"{text}  [{entry['id']}]"


def _time(entry: Entry) -> str:
    return str(entry["at"]).replace("+00:00", "Z")


def _checks(entry: Entry) -> list[Entry]:
    checks = entry.get("checks")
    return [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []


def _whole(entry: Entry) -> Iterator[str]:
    """An entry as paragraphs: what it is of, and every check."""
    yield f"{entry['id']}  {_time(entry)}"
    yield f"  {entry['service']}: {entry['stage']}: {entry['outcome']}"
    detail = entry.get("detail")
    facts = {name: entry.get(name) for name in ("request_id", "srv", "user", "device")}
    facts |= detail if isinstance(detail, dict) else {}
    for name, value in facts.items():
        if value is not None:
            yield f"  {name.replace('_', ' '):<17} {_shown(value)}"
    for check in _checks(entry):
        clause = f"  ({check['source']})" if check.get("source") else ""
        yield f"  {'pass' if check.get('passed') else 'FAIL'}  {check['rule']}{clause}"
        if not check.get("passed"):
            yield f"        expected  {check.get('expected') or '-'}"
            yield f"        got       {check.get('got')}"
    yield ""


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:64]}... ({len(text)} characters; --json shows all)"
