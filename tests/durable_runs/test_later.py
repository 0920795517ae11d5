"""A call that is answered before the run is: with the run's id, for which `get_run` has the answer later."""

import asyncio
import re
from pathlib import Path

import pytest

from agentloop.testing import Reply, Request, ScriptedMessages, says
from tests.processes import SERVER, run
from tests.surface import scripted_env, serving, text

AGENT = "calculator_assistant_agent"


class Slow:
    def __init__(self) -> None:
        self.holds = True

    async def __call__(self, request: Request) -> Reply:
        while self.holds and "slow" in request.prompt:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.02)
        return says(f"done: {request.prompt}")


@pytest.mark.requirement("durable-later")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_that_takes_longer_hands_back_a_run_id_and_get_run_the_answer(tmp_path: Path, mode: str) -> None:
    script = Slow()
    with ScriptedMessages(script) as model:
        options = ("--durable", f"sqlite:{tmp_path / 'store'}", "--answer-within", "3")
        async with serving("stdio", *options, env=scripted_env(model.url)) as served, served.client(mode) as client:
            assert "get_run" in [tool.name for tool in (await client.list_tools()).tools]
            assert text(await client.call_tool(AGENT, {"prompt": "quick"})) == "done: quick"
            early = await client.call_tool(AGENT, {"prompt": "slow"})
            found = re.search(r"no answer yet.* ([0-9a-f]{40})$", text(early))
            assert found is not None
            assert not early.is_error
            run_id = {"run_id": found[1]}
            assert "no answer yet" in text(await client.call_tool("get_run", run_id))
            script.holds = False
            late = await client.call_tool("get_run", run_id)
            assert text(late) == "done: slow"
            assert late.structured_content is not None
            assert late.structured_content["answer"] == "done: slow"
            assert (await client.call_tool("get_run", run_id)).structured_content == late.structured_content
            unknown = await client.call_tool("get_run", {"run_id": "f" * 40})
            assert unknown.is_error
            assert "no run with the id" in text(unknown)
    assert len(model.requests) == 2


@pytest.mark.requirement("durable-later")
async def test_without_a_store_there_is_no_later() -> None:
    end = await run(*SERVER, "--answer-within", "5", env=scripted_env("http://127.0.0.1:9"))
    assert end.code == 2
    assert "--answer-within needs --durable" in end.err
