"""The orchestrator and a server that keeps runs: the server may be killed in mid call."""

import asyncio
import json
import socket
from collections import Counter
from pathlib import Path

import pytest

from agentloop.testing import Reply, Request, ScriptedMessages, calls, says
from tests.durable_runs.scripted import turn_of
from tests.processes import CLIENT, finished, started
from tests.surface import scripted_env, serving

AGENT = "calculator_assistant_agent"
PARTS = ("part one", "part two")


class Parts:
    """The orchestrator delegates two parts at once; each adds, and with `hangs` gets no second turn."""

    def __init__(self) -> None:
        self.hangs = True

    async def __call__(self, request: Request) -> Reply:
        if request.prompt not in PARTS:
            if not request.results:
                return calls(*((AGENT, {"prompt": part}) for part in PARTS))
            texts = [block["content"][0]["text"] for block in request.results]
            return says(f"Together: {texts}")
        if turn_of(request) == 1:
            return calls(("sum_numbers", {"numbers": [1, 2]}))
        if self.hangs:
            await asyncio.Event().wait()
        return says(f"{request.prompt}: 3")


def turns(model: ScriptedMessages) -> Counter[tuple[str, int]]:
    """The turns the model finished, by prompt."""
    complete = [request for request in model.requests if request.outcome == "complete"]
    return Counter((request.prompt, turn_of(request)) for request in complete)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.requirement("durable-client")
async def test_a_server_that_is_killed_in_mid_call_costs_the_orchestrator_nothing(tmp_path: Path) -> None:
    script, port = Parts(), str(free_port())
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        server = ("--durable", f"sqlite:{tmp_path / 'store'}", "--port", port)
        url = f"http://127.0.0.1:{port}/mcp"
        async with (
            serving("streamable-http", *server, env=env) as first,
            started([*CLIENT, "--server", url, "--json", "whole"], env=env) as client,
        ):
            await model.until(lambda: len(model.requests) == 5, seconds=20)
            first.process.kill()
            await first.process.wait()
            script.hangs = False
            async with serving("streamable-http", *server, env=env):
                end = await finished(client, seconds=40)
    report = json.loads(end.out)
    assert (end.code, report["answer"]) == (0, "Together: ['part one: 3', 'part two: 3']"), end.err
    assert "local" not in {part["served_by"] for part in report["delegations"]}
    assert set(turns(model).values()) == {1}
    assert sum(turns(model).values()) == 6
