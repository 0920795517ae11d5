"""Sessions of durable runs: they outlive the process, and belong to their owner."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from agentloop.delegation_context import IDEMPOTENCY_KEY, SESSION
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, fails, says
from tests.surface import Served, scripted_env, serving

TOOL = "clerk_agent"


def questions(request: RecordedRequest) -> list[str]:
    messages = [message for message in request.body["messages"] if message["role"] == "user"]
    return [message["content"][0]["text"] for message in messages]


class Repeats:
    """Answers with all questions so far; "hold" waits for `goes_on`."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    async def __call__(self, request: RecordedRequest) -> Reply:
        if questions(request)[-1] == "hold":
            await anyio.to_thread.run_sync(self.goes_on.wait, 60)
        if questions(request)[-1] == "fail":
            return fails(400, "invalid_request_error")
        return says(" ".join(questions(request)))


async def ask(client: Client, prompt: str, session_id: str | None = None, key: str | None = None) -> CallToolResult:
    meta: Any = None if key is None else {IDEMPOTENCY_KEY: key}
    arguments = {"prompt": prompt} | ({} if session_id is None else {"session_id": session_id})
    return await client.call_tool(TOOL, arguments, meta=meta)


def said(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text.partition("\n")[0]


@pytest.mark.requirement("sessions")
@pytest.mark.slow
async def test_a_session_goes_on_in_the_next_process(tmp_path: Path) -> None:
    script = Repeats()
    with ScriptedMessages(script) as model:
        store = ("--durable", f"sqlite:{tmp_path / 'store'}", "--trusted-proxy", "127.0.0.1")
        options = (*store, "--publish", "tests.durable.published:clerk")

        def server() -> Any:
            return serving("streamable-http", *options, env=scripted_env(model.url))

        def client_of(served: Served, address: str, mode: str = "auto") -> Client:
            return served.client(mode, headers={"x-forwarded-for": address})

        async with server() as served, client_of(served, "10.0.0.1") as client:
            first = await ask(client, "one", key="first")
            assert not first.is_error, first
            session_id = (first.meta or {})[SESSION]
            assert (await ask(client, "one", key="first")).content == first.content
            second = await ask(client, "two", session_id, key="second")
            assert (said(second), (second.meta or {})[SESSION]) == ("one two", session_id)
            assert (await ask(client, "two", session_id, key="second")).content == second.content
        async with server() as served, client_of(served, "10.0.0.1", "legacy") as client:
            assert (await ask(client, "fail", session_id)).is_error
            assert said(await ask(client, "three", session_id)) == "one two three"
            holding = asyncio.create_task(ask(client, "hold", session_id))
            await model.until(lambda: any("hold" in questions(request) for request in model.requests))
            assert "is answering another call" in said(await ask(client, "four", session_id))
            script.goes_on.set()
            assert said(await holding) == "one two three hold"
            async with client_of(served, "10.0.0.2") as stranger:
                for unknown in (session_id, "f" * 24, "f", ""):
                    assert f"There is no session {unknown!r}" in said(await ask(stranger, "mine?", unknown))
