"""A call that is answered before the run is: with the run's id, for which `get_run` has the answer later."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, says
from tests.in_process import server
from tests.surface import scripted_env, serving, text

AGENT = "calculator_assistant_agent"


class Slow:
    def __init__(self) -> None:
        self.holds = True

    async def __call__(self, request: RecordedRequest) -> Reply:
        while self.holds and "slow" in request.prompt:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.02)
        return says(f"done: {request.prompt}")


@pytest.mark.slow
@pytest.mark.requirement("durable-later")
async def test_a_call_that_takes_longer_hands_back_a_run_id_and_get_run_the_answer(tmp_path: Path) -> None:
    script = Slow()
    with ScriptedMessages(script) as model:
        options = ("--durable", f"sqlite:{tmp_path / 'store'}", "--respond-within", "3")
        async with (
            serving("streamable-http", *options, env=scripted_env(model.url)) as served,
            served.client("auto") as modern,
            served.client("legacy") as legacy,
        ):
            clients = {"auto": modern, "legacy": legacy}
            run_ids = await asyncio.gather(*(_slow_run(client, mode) for mode, client in clients.items()))
            script.holds = False
            for (mode, client), run_id in zip(clients.items(), run_ids, strict=True):
                late = await client.call_tool("get_run", run_id)
                assert text(late) == f"done: slow {mode}"
                assert late.structured_content == {"answer": f"done: slow {mode}", "exact": False}
                assert (await client.call_tool("get_run", run_id)).structured_content == late.structured_content
                unknown = await client.call_tool("get_run", {"run_id": "f" * 40})
                assert unknown.is_error
                assert "no run with the id" in text(unknown)
    assert sorted(request.prompt for request in model.requests if "slow" in request.prompt) == [
        "slow auto",
        "slow legacy",
    ]


async def _slow_run(client: Client, mode: str) -> dict[str, Any]:
    """The id of a run that is not over when the server has waited long enough for it; a quick one goes before.

    On a busy machine the quick one, which loads the engine, may take long too: it has three attempts.
    """
    assert "get_run" in [tool.name for tool in (await client.list_tools()).tools]
    quick = [f"quick {mode} {number}" for number in range(3)]
    assert any([text(await client.call_tool(AGENT, {"prompt": prompt})) == f"done: {prompt}" for prompt in quick])
    early = await client.call_tool(AGENT, {"prompt": f"slow {mode}"})
    found = re.search(r"no answer yet.* ([0-9a-f]{40})$", text(early))
    assert found is not None
    assert not early.is_error
    run_id = {"run_id": found[1]}
    assert "no answer yet" in text(await client.call_tool("get_run", run_id))
    return run_id


@pytest.mark.requirement("durable-later")
def test_without_a_store_there_is_no_later() -> None:
    end = server("--respond-within", "5", ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    assert end.exit_code == 2
    assert "--respond-within needs --durable" in end.stderr
