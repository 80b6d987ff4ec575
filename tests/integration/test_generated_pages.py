"""Pages and files that are made from tables say what the tables say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "smki", "inventory", "cos-party", "sm-wan")


@pytest.mark.parametrize("tool", ["coverage.py", "checklist.py", "response_codes.py"])
def test_a_page_is_made_from_tables_and_markers(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def compose() -> dict[str, dict[str, object]]:
    """The services of the compose file."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_compose_has_kafka_postgres_and_the_five_services_with_health_checks(
    compose: dict[str, dict[str, object]],
) -> None:
    assert set(compose) == {"postgres", "kafka", *SERVICES}
    for name in ("postgres", "kafka"):
        assert "healthcheck" in compose[name]
    for name in SERVICES:
        text = (ROOT / f"services/{name}/Dockerfile").read_text(encoding="utf-8")
        assert "HEALTHCHECK" in text
        assert "USER dccemu" in text


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_in_compose_is_a_setting_of_its_service(compose: dict[str, dict[str, object]], name: str) -> None:
    from importlib import import_module

    fields = import_module(f"dccemu_{name.replace('-', '_')}.settings").Settings.model_fields
    environment = compose[name]["environment"]
    assert isinstance(environment, dict)
    prefix = f"DCCEMU_{name.replace('-', '_').upper()}_"

    for variable in environment:
        assert variable.startswith(prefix)
        assert variable.removeprefix(prefix).lower() in fields


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_runs_the_entry_point_that_the_isolated_topology_runs(name: str) -> None:
    module = f"dccemu_{name.replace('-', '_')}"
    text = (ROOT / f"services/{name}/Dockerfile").read_text(encoding="utf-8")

    assert f'ENTRYPOINT ["python", "-m", "{module}"]' in text
    assert (ROOT / f"services/{name}/src/{module}/__main__.py").exists()
