"""The compose file: its commands are ones this version takes."""

from typing import Any

import pytest
import yaml

from mcp_calc_server.cli import main
from tests.surface import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("service", ["server", "worker"])
def test_the_commands_of_the_compose_file_are_understood(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = COMPOSE["services"][service]
    monkeypatch.setenv("MCP_CALC_DURABLE", described["environment"]["MCP_CALC_DURABLE"])
    context = main.make_context("mcp-calc-server", list(described["command"]))
    assert context.params["durable"].startswith("postgresql://")
    assert (context.params["queue_runs"], context.params["queue_runs_per_worker"]) == (40, 20)
    assert context.params["queue_only"] == (service == "server")
    assert context._protected_args == (["worker"] if service == "worker" else [])  # noqa: SLF001


def test_it_has_what_the_guide_says() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "server", "worker", "proxy"}
    assert services["server"]["deploy"]["replicas"] == services["worker"]["deploy"]["replicas"] == 2
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    options = [option for parameter in main.params for option in parameter.opts]
    for word in guide.replace("`", " ").split():
        if word.startswith("--queue"):
            assert word.rstrip(".,)") in options
