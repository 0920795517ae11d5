"""A session ends when nobody reads the answers to its requests."""

import anyio
import pytest
from anyio import EndOfStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from agentloop.mcp.server.unanswered import MAX_UNANSWERED, Unanswered


def request(number: int) -> SessionMessage:
    return SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=number, method="tools/list"))


@pytest.mark.requirement("session-limits")
async def test_a_session_ends_at_one_request_too_many_of_those_that_wait_for_an_answer() -> None:
    write, read = anyio.create_memory_object_stream[SessionMessage | Exception](10)
    answer, answered = anyio.create_memory_object_stream[SessionMessage](10)
    async with write, read, answer, answered:
        session = Unanswered(read, answer)
        for number in range(MAX_UNANSWERED):
            await write.send(request(number % 7))
            await session.receive()
        await session.answers.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=3, result={})))
        note = JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params={"requestId": 4})
        await write.send(SessionMessage(note))
        await session.receive()
        for number in range(2):
            await write.send(request(number))
            await session.receive()
        await write.send(request(0))
        with pytest.raises(EndOfStream):
            await session.receive()
