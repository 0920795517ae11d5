"""Sessions: what a call of an agent leaves for a later one, and to whom."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import pytest

from agentloop import (
    Agent,
    CallContext,
    ConfigurationError,
    Conversation,
    RunScope,
    Tool,
    ToolError,
    ToolOutput,
    create_agent_tool_async,
    create_agent_tool_sync,
)
from agentloop.delegation_context import SESSION
from agentloop.sessions import MAX_SIZE, MemorySessions, SessionLimits
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, fails, says
from agentloop.testing.server import Script

pytestmark = pytest.mark.requirement("sessions")

Serve = Callable[[Script], ScriptedMessages]
both = pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])


def questions(request: RecordedRequest) -> list[str]:
    """The texts of the user's messages."""
    messages = [message for message in request.body["messages"] if message["role"] == "user"]
    return [message["content"][0]["text"] for message in messages]


def repeats(request: RecordedRequest) -> Reply:
    return says(" ".join(questions(request)))


async def ask(tool: Tool, prompt: str, session_id: str | None = None, owner: str = "") -> ToolOutput:
    arguments = {"prompt": prompt} | ({} if session_id is None else {"session_id": session_id})
    context = CallContext(scope=RunScope(owner=owner))
    return await Agent("boss", "", [tool]).call_tool(tool.name, arguments, context=context)


def session_of(output: ToolOutput) -> str:
    assert not output.is_error, output.text
    session_id = str((output.meta or {})[SESSION])
    assert f"session_id: {session_id}" in output.text
    return session_id


@both
async def test_a_call_with_the_session_id_continues_the_conversation(
    scripted_messages: Serve, wrap: Callable[[Agent], Tool]
) -> None:
    tool = wrap(Agent("clerk", "", client=scripted_messages(repeats).client, sessions=True))
    first = await ask(tool, "one")
    second = await ask(tool, "two", session_of(first))
    assert second.text.startswith("one two\n")
    assert session_of(second) == session_of(first)
    assert (await ask(tool, "three", session_of(first))).text.startswith("one two three\n")
    other = await ask(tool, "else")
    assert other.text.startswith("else\n")
    assert session_of(other) != session_of(first)


async def test_an_unknown_id_and_that_of_somebody_else_are_the_same_clear_error(scripted_messages: Serve) -> None:
    server = scripted_messages(repeats)
    tool = create_agent_tool_async(Agent("clerk", "", client=server.client, sessions=True))
    mine = session_of(await ask(tool, "one", owner="me"))
    for owner, session_id in (("you", mine), ("me", "f" * 24)):
        refused = await ask(tool, "two", session_id, owner)
        assert refused.is_error
        assert refused.text == (
            f"There is no session {session_id!r}, or it is no longer kept. "
            "Leave session_id out to begin a new conversation."
        )
    assert len(server.requests) == 1
    assert (await ask(tool, "two", mine, "me")).text.startswith("one two\n")


async def test_a_session_answers_one_call_at_a_time_and_keeps_what_was_answered(scripted_messages: Serve) -> None:
    goes_on = threading.Event()

    async def script(request: RecordedRequest) -> Reply:
        if questions(request)[-1] == "wait":
            await anyio.to_thread.run_sync(goes_on.wait, 60)
        return fails(400, "invalid_request_error") if questions(request)[-1] == "fail" else repeats(request)

    server = scripted_messages(script)
    tool = create_agent_tool_async(Agent("clerk", "", client=server.client, sessions=True))
    session_id = session_of(await ask(tool, "one"))
    waiting = asyncio.create_task(ask(tool, "wait", session_id))
    await server.until(lambda: len(server.requests) == 2)
    busy = await ask(tool, "two", session_id)
    assert busy.is_error
    assert "is answering another call" in busy.text
    goes_on.set()
    assert (await waiting).text.startswith("one wait\n")
    assert (await ask(tool, "fail", session_id)).is_error
    assert (await ask(tool, "last", session_id)).text.startswith("one wait last\n")


async def test_a_value_has_the_session_id_beside_its_own_fields(scripted_messages: Serve) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "number"}}, "additionalProperties": False}
    server = scripted_messages(lambda request: says(json.dumps({"n": len(questions(request))})))
    tool = Agent("clerk", "", client=server.client, sessions=True, output_type=schema, input_type=schema).as_tool()
    for described in (tool.spec.input_schema, tool.spec.output_schema or {}):
        assert list(described["properties"]) == ["n", "session_id"]
    boss = Agent("boss", "", [tool])
    first = await boss.call_tool(tool.name, {"n": 5})
    assert session_of(await boss.call_tool(tool.name, {"n": 6, "session_id": None})) != session_of(first)
    second = await boss.call_tool(tool.name, {"n": 6, "session_id": session_of(first)})
    assert second.structured == {"n": 2, "session_id": session_of(first)}
    assert [json.loads(text) for text in questions(server.requests[-1])] == [{"n": 5}, {"n": 6}]
    with pytest.raises(ConfigurationError, match="its types need `properties`, none of which is session_id"):
        Agent("clerk", "", sessions=True, output_type={"type": "object"}).as_tool()


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # of aiohttp, for what is in memory
async def test_a_conversation_that_is_too_long_is_answered_and_not_kept(scripted_messages: Serve) -> None:
    server = scripted_messages([says("so much")])
    tool = create_agent_tool_async(Agent("clerk", "", client=server.client, sessions=True))
    output = await tool.function(CallContext(), prompt="x" * MAX_SIZE)
    assert output.text == ("so much\n[This conversation is too long to be continued: begin a new one.]")
    assert SESSION not in output.meta


def test_sessions_in_memory_are_bounded_in_number_and_size_for_each_owner_and_in_all_and_in_age() -> None:
    def kept(sessions: MemorySessions, owner: str, text: str, **results: str) -> str:
        with sessions.open(owner, None) as session:
            session.conversation = Conversation(kept=results).ask(text)
        return session.id

    def is_there(sessions: MemorySessions, owner: str, session_id: str) -> bool:
        try:
            with sessions.open(owner, session_id):
                return True
        except ToolError:
            return False

    def left(limits: SessionLimits, **results: str) -> list[bool]:
        sessions = MemorySessions(limits)
        ids = [(owner, kept(sessions, owner, "x" * 100, **results)) for owner in ("a", "b", "b", "b")]
        return [is_there(sessions, *each) for each in ids]

    assert left(SessionLimits()) == [True, True, True, True]
    assert left(SessionLimits(of_one_owner=2)) == [True, False, True, True]
    assert left(SessionLimits(sessions=2)) == [False, False, True, True]
    assert left(SessionLimits(characters=400)) == [False, False, True, True]
    assert left(SessionLimits(characters=400), long_result="x" * 200) == [False, False, False, True]
    assert left(SessionLimits(age=-1.0)) == [False, False, False, False]
