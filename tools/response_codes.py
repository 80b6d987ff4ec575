"""Write docs/response-codes.md: for each six-digit response code the rule that raises it and where, or why none does.

``--check`` compares instead of writing. A rule of the catalogue that no code raises must have its reason here, and a
reason for a rule that is raised is refused: so the page cannot fall behind the code.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from dccemu_protocol import catalogue

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "response-codes.md"
SOURCES = ("services", "shared")
TABLES = "response_codes.json"

_NO_ROLE = "no User Role is eligible for the service, so E2 comes first"
NOT_RAISED: dict[str, str] = {
    "LOG_NOT_HELD": "which logs a Device type has is decided before: E11, or E030301 for the kind of log",
    "CONSUMPTION_LOG_NOT_HELD": "a Device type without the log is refused before, with E11",
    "SCHEDULES_NOT_ALL_READ": "a User has at most 99 schedules for a Device, and all of them are returned",
    "SCHEDULES_NOT_ALL_DELETED": "schedules are deleted in one transaction: all or none",
    "CREDENTIAL_NO_SIGNING_REQUEST": "the inventory keeps no signing requests of Devices; the Device checks the key",
    "DEMAND_NOT_HELD": "no fact at hand says which ESMEs lack it; other Device types get E11",
    "ALERT_SETTING_VERSION": "no source at hand says from which GBCS version on a setting exists",
    "CELL_ROLE": "no source at hand says who may not read which cell; eligible roles read all",
    "CELL_CREDENTIAL_TYPE": "each Device type of 6.24.2 holds both credential types",
    "INVENTORY_VERSION": "the schema bounds versions, and nothing at hand lists valid ones",
    "OPT_OUT_NOT_ALLOWED": _NO_ROLE,
    "OPT_OUT_CERTIFICATE": _NO_ROLE,
    "OPT_OUT_DATE": _NO_ROLE,
    "OPT_IN_NOT_ALLOWED": _NO_ROLE,
    "OPT_IN_NOT_REGISTERED": _NO_ROLE,
    "OPT_IN_DEVICE_TYPE": _NO_ROLE,
    "OPT_IN_DATE": _NO_ROLE,
    "OPT_IN_ENROLLED": _NO_ROLE,
    "JOIN_LIMIT": "a join that is there already is made again, so that a lost answer can be asked for anew; no limit "
    "on the number of joins is known",
    "UNJOIN_STATUS": "a Device is taken off whatever the other's status, also when that is decommissioned",
    "DEVICE_LOG_KIND": "8.9 names no kind of log; a Device type without one gets E11",
    "DEVICE_LOG_ROLE": "no source at hand says which role may not read which log",
    "WAN_REGION": "every region of the simulated SM WAN is in service",
}
"""Rules that nothing raises, and why not."""

_HEAD = """# Response codes of single services

Made by `tools/response_codes.py` from the catalogue and the code; do not edit. Codes of one to four digits are in the
table of numbered checks (`services/gateway/src/dccemu_gateway/domain/rules/table.py`). The numbers are assignments of
this project and stand in one table, `response_codes.json`; the code knows only the names.
"""


def places() -> dict[str, set[str]]:
    """Where each name in quotes stands, by package and module."""
    found: dict[str, set[str]] = defaultdict(set)
    for folder in SOURCES:
        for path in (ROOT / folder).glob("**/src/**/*"):
            if path.suffix not in (".py", ".json") or path.name == TABLES:
                continue
            module = str(path.relative_to(ROOT)).partition("/src/")[2]
            for name in re.findall(r'"([A-Z][A-Z0-9_]{4,})"', path.read_text("utf-8")):
                found[name].add(module)
    return found


def page() -> str:
    """The page.

    Raises
    ------
    SystemExit
        When a rule is neither raised nor has a reason, or is both.
    """
    known = places()
    rules = sorted((rule for rule in catalogue.rules.values() if len(rule.code or "") > 5), key=_order)
    listed = {rule.name for rule in rules}
    wrong = [rule.name for rule in rules if (rule.name in NOT_RAISED) == (rule.name in known)]
    wrong += sorted(set(NOT_RAISED) - listed)
    if wrong:
        raise SystemExit(f"neither raised nor with a reason, or both: {', '.join(wrong)}")
    raised = [rule for rule in rules if rule.name in known]
    lines = [
        _HEAD,
        f"## Raised ({len(raised)})\n",
        "| code | rule | meaning | raised in |",
        "| --- | --- | --- | --- |",
    ]
    for rule in raised:
        where = ", ".join(f"`{module}`" for module in sorted(known[rule.name]))
        lines.append(f"| {rule.code} | `{rule.name}` | {_meaning(rule.code)} | {where} |")
    lines += [f"\n## Not raised ({len(NOT_RAISED)})\n", "| code | rule | meaning | why |", "| --- | --- | --- | --- |"]
    for rule in rules:
        if rule.name in NOT_RAISED:
            lines.append(f"| {rule.code} | `{rule.name}` | {_meaning(rule.code)} | {NOT_RAISED[rule.name]} |")
    return "\n".join(lines) + "\n"


def _order(rule: catalogue.Rule) -> tuple[str, str, str]:
    code = rule.code or ""
    return code[1:], code[:1], rule.name


def _meaning(code: str | None) -> str:
    return catalogue.response_codes[code or ""].meaning or ""


def main() -> None:
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != text:
        raise SystemExit(f"{PAGE.relative_to(ROOT)} is behind: run tools/response_codes.py")


if __name__ == "__main__":
    main()
