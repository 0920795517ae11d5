"""`orchestrator-client --agent FILE`: an agent of the user's orchestrates."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agentloop.testing import ScriptedMessages, calls, says
from tests.otlp import Collector
from tests.processes import CLIENT, environment, run
from tests.surface import ROOT


def write(folder: Path, **front: Any) -> Path:
    path = folder / "lead.md"
    front = {"name": "lead", "description": "Leads.", **front}
    path.write_text(
        "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", "Lead."])
    )
    return path


def leaf(folder: Path) -> Path:
    path = folder / "leaf.md"
    path.write_text(
        "---\nname: leaf\ndescription: Helps.\nmodel: haiku\ntools: tests.agentloop.file_tools:words\n---\nHelp."
    )
    return path


@pytest.mark.slow
@pytest.mark.requirement("agent-orchestrates")
async def test_an_agent_file_orchestrates_with_its_own_servers_in_one_trace(tmp_path: Path) -> None:
    script = [calls(("leaf_agent", {"prompt": "x"})), says("helped"), says("led")]
    with ScriptedMessages(script) as model, Collector() as collector:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PYTHONPATH": str(ROOT)}
        env = environment(ANTHROPIC_BASE_URL=model.url, **traced)
        args = ["-m", "mcp_calc_server", "--agents", str(leaf(tmp_path))]
        servers = {"below": {"command": sys.executable, "args": args, "env": env}}
        file = write(tmp_path, mcpServers=servers, tools="below__*", model="opus", effort="low", maxUsd=1)
        end = await run(*CLIENT, "--quiet", "--agent", str(file), "Go.", env=env)
    assert (end.code, end.out, end.err) == (0, "led\n", "")
    lead, helper, _ = (request.body for request in model.requests)
    assert (lead["model"], lead["system"], lead["output_config"]) == ("claude-opus-5-5", "Lead.", {"effort": "low"})
    assert [tool["name"] for tool in lead["tools"]] == ["leaf_agent"]
    assert (helper["model"], helper["system"]) == ("claude-haiku-5-5", "Help.")
    assert len({span.trace for span in collector.spans}) == 1
    assert {"invoke_agent lead", "invoke_agent leaf"} <= {span.name for span in collector.spans}


@pytest.mark.requirement("agent-orchestrates")
@pytest.mark.slow
async def test_the_calculator_joins_only_where_it_is_named(tmp_path: Path) -> None:
    """A server that is down is not replaced by the calculator's functions."""
    file = write(tmp_path, mcpServers={"down": {"url": "http://127.0.0.1:9/mcp"}})
    with ScriptedMessages([says("alone"), says("with it")]) as model:
        env = environment(ANTHROPIC_BASE_URL=model.url)
        end = await run(*CLIENT, "--agent", str(file), "Go.", env=env)
        assert (end.code, "nothing to delegate to" in end.err) == (1, True)
        end = await run(*CLIENT, "--agent", str(write(tmp_path)), "Go.", env=env)
        assert (end.code, end.out, model.requests[0].body.get("tools", [])) == (0, "alone\n", [])
        named = ("--server", "mcp-calc-server", "--agent", str(write(tmp_path, tools="mcp-calc-server__sum_*")))
        end = await run(*CLIENT, *named, "Go.", env=env)
    assert (end.code, [tool["name"] for tool in model.requests[1].body["tools"]]) == (0, ["sum_numbers"])


@pytest.mark.requirement("agent-orchestrates")
@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"effort": "huge"}, "lead.md:4: error: effort: one of low, medium"),
        ({"mcpServers": ["git"]}, "lead.md:4: error: mcpServers: git is not configured"),
        ({"tools": "no_such:thing"}, "lead.md:4: error: no_such:thing: there is no module"),
    ],
)
@pytest.mark.slow
async def test_what_is_wrong_with_the_file_is_said_with_its_line(
    tmp_path: Path, front: dict[str, Any], said: str
) -> None:
    end = await run(*CLIENT, "--agent", str(write(tmp_path, **front)), "Go.")
    assert (end.code, end.out) == (2, "")
    assert said in end.err
