"""A scripted model of three turns, which can be made to hang in one of them, and what came of a run of it."""

import asyncio
from collections import Counter
from typing import Any

from mcp import Client
from mcp.types import CallToolResult

from agentloop.delegation_context import IDEMPOTENCY_KEY, STEPS, USAGE
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says

PROMPT = "note a and b, then c"
TOOL = "noter_agent"


class ThreeTurns:
    """Notes a and b at once, then c, then answers. The turn `hangs` does not end until the client is gone."""

    def __init__(self, hangs: int | None = None) -> None:
        self.hangs = hangs

    async def __call__(self, request: RecordedRequest) -> Reply:
        turn = turn_of(request)
        if turn == self.hangs:
            await asyncio.Event().wait()
        match turn:
            case 1:
                return calls(("note", {"text": "a"}), ("note", {"text": "b"}))
            case 2:
                return calls(("note", {"text": "c"}))
            case _:
                noted = [block["content"][0]["text"] for block in request.results]
                return says(f"All done: {noted}")


def turn_of(request: RecordedRequest) -> int:
    roles = [message["role"] for message in request.body["messages"]]
    return 1 + roles.count("assistant")


def finished(model: ScriptedMessages) -> Counter[int]:
    """How often the model finished each turn."""
    return Counter(turn_of(request) for request in model.requests if request.outcome == "complete")


async def call(client: Client, key: str | None = "k", prompt: str = PROMPT, tool: str = TOOL) -> CallToolResult:
    meta: Any = None if key is None else {IDEMPOTENCY_KEY: key}
    return await client.call_tool(tool, {"prompt": prompt}, meta=meta)


def essence(result: CallToolResult) -> dict[str, Any]:
    """The result without what depends on the clock."""
    assert not result.is_error, result.content
    assert result.meta is not None
    usage = {name: value for name, value in result.meta[USAGE].items() if name != "seconds"}
    return {
        "answer": result.content,
        "structured": result.structured_content,
        "steps": result.meta[STEPS],
        "usage": usage,
    }
