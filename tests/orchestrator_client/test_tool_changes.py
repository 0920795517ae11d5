"""A server that changes its tools while it is up: the user is told, and the next conversation has them."""

import asyncio
import sys
from pathlib import Path

import pytest

from agentloop.mcp.client.config import ServerEntry
from agentloop.wire import sdk_client
from orchestrator_client.orchestrator import Session

SERVER = Path(__file__).parents[1] / "mcp" / "client" / "growing_server.py"


@pytest.mark.requirement("tool-changes")
@pytest.mark.parametrize("protocol", ["handshake", "2026-07-28"])
async def test_changed_tools_are_told_and_used_in_the_next_conversation(protocol: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    entry = ServerEntry.model_validate(
        {"command": sys.executable, "args": [str(SERVER)], "protocol": protocol, "trusted": True}
    )
    servers = {"growing": entry}
    async with Session(servers, model="claude-sonnet-5-5", client=sdk_client, warn=said.put_nowait) as session:
        before = session.orchestrator()
        assert [tool.name for tool in before.tools] == ["grow"]
        for count in (2, 3):
            output = await before.call_tool("grow", {})
            assert output.text == "grown"
            line = await asyncio.wait_for(said.get(), 30)
            assert line.startswith(f"growing has changed its tools and has {count} now.")
            assert len(before.tools) == 1, "a conversation keeps its tools"
            assert len(session.orchestrator().tools) == count
