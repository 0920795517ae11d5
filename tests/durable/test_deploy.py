"""The compose file: its commands are ones this version takes."""

import json
import tomllib
from typing import Any

import pytest
import yaml

from mcp_calc_server.cli import main
from tests.surface import ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["packages"]
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


def test_servers_answer_for_the_public_name_and_believe_the_proxy_in_their_network() -> None:
    context = main.make_context("mcp-calc-server", list(COMPOSE["services"]["server"]["command"]))
    assert context.params["allow_host"] == ("${PUBLIC_HOST:-localhost}",)
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert context.params["trusted_proxy"] == (network["subnet"],)
    nginx = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    assert "proxy_set_header Host $host;" in nginx
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx


def test_agents_are_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_CALC_PUBLISH", "one:agent two:agents")
    assert main.make_context("mcp-calc-server", []).params["publish"] == ("one:agent", "two:agents")
    monkeypatch.setenv("MCP_CALC_PUBLISH", "")
    assert main.make_context("mcp-calc-server", []).params["publish"] == ()


@pytest.mark.parametrize("service", ["server", "worker"])
def test_the_containers_run_as_a_user_without_rights_on_a_read_only_root(service: str) -> None:
    described = COMPOSE["services"][service]
    assert (described["read_only"], described["cap_drop"]) == (True, ["ALL"])
    *_, last_stage = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    assert "\nUSER 65534:65534\n" in last_stage
    assert "\nRUN " not in last_stage


def test_the_image_serves_http_and_asks_it_for_its_health() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    instructions = dict(line.split(maxsplit=1) for line in dockerfile.splitlines() if line[:1].isupper())
    context = main.make_context("mcp-calc-server", json.loads(instructions["CMD"]))
    check = json.loads(instructions["HEALTHCHECK"].partition("CMD ")[2])
    assert f"http://127.0.0.1:{context.params['port']}/health" in check[-1]
    compile(check[-1], "HEALTHCHECK", "exec")


def test_no_secret_gets_into_git_or_the_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    first, *others = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    assert first == "*"
    kept = {line[1:] for line in others if line.startswith("!")}
    assert kept == {"LICENSE", "README.md", "pyproject.toml", "schemas.json", *PACKAGES}
    assert "**/.env" in others


def test_it_has_what_the_guide_says() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "server", "worker", "proxy"}
    assert services["server"]["deploy"]["replicas"] == services["worker"]["deploy"]["replicas"] == 2
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    options = [option for parameter in main.params for option in parameter.opts]
    for word in guide.replace("`", " ").split():
        if word.startswith("--queue"):
            assert word.rstrip(".,)") in options
