"""A session ends when its client does not read."""

import asyncio
from contextlib import suppress
from typing import Any

import anyio
import pytest
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest

from agentloop.mcp.server.sessions import MAX_UNREAD, BoundedSender


@pytest.mark.requirement("session-limits")
async def test_a_session_ends_when_too_many_answers_are_unread(caplog: pytest.LogCaptureFixture) -> None:
    server: Server[Any] = Server("test")
    to_server, requests = anyio.create_memory_object_stream[SessionMessage | Exception]()
    answers, from_server = anyio.create_memory_object_stream[SessionMessage]()

    async def ask() -> int:
        number = 0
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while number < 2 * MAX_UNREAD:
                await to_server.send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=number, method="no/such")))
                number += 1
                await asyncio.sleep(0)
        return number

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask())
        with anyio.CancelScope() as session:
            await server.run(requests, BoundedSender(answers, session.cancel), server.create_initialization_options())
        assert session.cancelled_caught
    for stream in (to_server, requests, answers, from_server):
        stream.close()
    assert MAX_UNREAD < asking.result() < 2 * MAX_UNREAD
    assert "left 1000 messages unread" in caplog.text
