"""Questions of a server on 2026-07-28: sealed between two requests of a call, or of a task."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel

from agentloop import Agent, Answer, CallContext, Question, RunScope, Tool, tool
from agentloop.delegation_context import CALL
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.call_state import CallState
from agentloop.mcp.client.delegated_call import Delegation
from agentloop.mcp.client.questions import withdraw
from agentloop.mcp.client.tasks import TasksClient
from agentloop.mcp.server import calls as admitted
from agentloop.mcp.server.publication import DEFAULTS, Publication, ServerOptions
from agentloop.mcp.server.serving import build_server
from agentloop.mcp.server.tasks import MemoryRuns, Tasks
from agentloop.question_tools import ask_user
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.mcp.server.wire import Wire
from tests.processes import started
from tests.surface import text

pytestmark = pytest.mark.requirement("questions")
AGENT = "asker_agent"
Connect = Callable[..., Client]


class Name(BaseModel):
    name: str


def script(request: RecordedRequest) -> Reply:
    """Asks for each word of the prompt at once."""
    if request.results:
        return says(", ".join(result["content"][0]["text"] for result in request.results))
    return calls(*(("ask_user", {"question": f"{word}?"}) for word in request.prompt.split()))


@asynccontextmanager
async def serving(
    model: ScriptedMessages, asking: Tool = ask_user, *, with_tasks: bool = False, options: ServerOptions = DEFAULTS
) -> AsyncIterator[Connect]:
    """Makes clients of one server."""
    publication = Publication([], [Agent("asker", "You ask.", [asking], client=model.client)], options=options)
    async with MemoryRuns(publication.run) as runs:
        server = build_server(publication)
        if with_tasks:
            Tasks(runs).install(server, publication)
        yield lambda **options: Client(server, **{"elicitation_callback": accept, **options})


async def accept(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    assert isinstance(params, ElicitRequestFormParams), context
    return ElicitResult(action="accept", content={"answer": f"to {params.message}"})


async def call(client: Client, prompt: str, **again: Any) -> Any:
    return await client.session.call_tool(AGENT, {"prompt": prompt}, allow_input_required=True, **again)


def answers(required: Any, *names: str) -> dict[str, ElicitResult]:
    """Answers to the questions with these messages."""
    chosen = [key for key, each in required.input_requests.items() if each.params.message in names]
    return {key: ElicitResult(action="accept", content={"answer": "x"}) for key in chosen}


async def test_open_questions_are_sent_until_each_has_its_answer(scripted_messages: Any) -> None:
    model = scripted_messages(script)
    async with serving(model) as connect, connect() as client:
        required = await call(client, "one two")
        assert isinstance(required, InputRequiredResult)
        while len(required.input_requests or {}) < 2:
            required = await call(client, "one two", request_state=required.request_state)
        for wrong in ({}, {"another": ElicitResult(action="decline")}):
            again = await call(client, "one two", request_state=required.request_state, input_responses=wrong)
            assert set(again.input_requests) == set(required.input_requests or {})
        state, given = required.request_state, answers(required, "one?")
        half = await call(client, "one two", request_state=state, input_responses=given)
        assert [each.params.message for each in half.input_requests.values()] == ["two?"]
        result = await call(client, "one two", request_state=half.request_state, input_responses=answers(half, "two?"))
        assert text(result) == 'The user answered: "x", The user answered: "x"'
        assert len(model.requests) == 2, "the run went on, and did not begin again"
        late = await call(client, "one two", request_state=half.request_state)
        assert "does not wait for an answer any more" in text(late)


async def test_the_state_is_sealed_and_belongs_to_its_owner_and_its_call(
    scripted_messages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(scripted_messages(script)) as connect, connect() as client:
        required = await call(client, "one")
        state = required.request_state
        assert "asker" not in state
        tampered = state[:-1] + ("A" if state[-1] != "A" else "B")
        for prompt, wrong in (("one", tampered), ("one", "made up"), ("two", state)):
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await call(client, prompt, request_state=wrong)
        with monkeypatch.context() as patched:
            patched.setattr(admitted, "LOCAL", "somebody else")
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await call(client, "one", request_state=state)
        now = time.time() + 2 * 3600
        with monkeypatch.context() as patched:
            patched.setattr("mcp.server.request_state.time.time", lambda: now)
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await call(client, "one", request_state=state)
        result = await call(client, "one", request_state=state, input_responses=answers(required, "one?"))
        assert text(result) == 'The user answered: "x"'


async def test_calls_that_wait_for_an_answer_keep_no_other_call_waiting(scripted_messages: Any) -> None:
    async with serving(scripted_messages(script), options=ServerOptions(max_agents=1)) as connect, connect() as client:
        async with asyncio.timeout(20):
            abandoned = [await call(client, word) for word in ("one", "two")]
            assert all(isinstance(each, InputRequiredResult) for each in abandoned)
            assert text(await client.call_tool(AGENT, {"prompt": "three"})) == 'The user answered: "to three?"'
            state, given = abandoned[0].request_state, answers(abandoned[0], "one?")
            result = await call(client, "one", request_state=state, input_responses=given)
            assert text(result) == 'The user answered: "x"'


async def test_a_call_whose_question_does_not_reach_its_caller_any_more_is_given_up(scripted_messages: Any) -> None:
    context = CallContext(scope=RunScope(call_id="given up"))
    async with serving(scripted_messages(script)) as connect, connect() as client:
        with Delegation(context, AGENT, "asker", is_trusted=True) as delegation:
            meta = {CALL: delegation.delegation.to_json()}
            required = await call(client, "one", meta=meta)
            state = CallState(delegation, name="given up", ask=unasked)  # it has seen no question yet
            await withdraw(client.session, state)
            late = await call(client, "one", meta=meta, request_state=required.request_state)
    assert "does not wait for an answer any more" in text(late) or "disconnected" in text(late)


async def unasked(_question: Question) -> Answer[Any]:
    raise AssertionError


async def test_a_task_asks_too(scripted_messages: Any) -> None:
    async with (
        serving(scripted_messages(script), with_tasks=True) as connect,
        connect(extensions=[TasksClient(lambda: True)]) as client,
    ):
        result = await client.call_tool(AGENT, {"prompt": "one two"})
        assert isinstance(result, CallToolResult)
        assert text(result) == 'The user answered: "to one?", The user answered: "to two?"'


async def test_a_question_that_a_task_gives_up_is_withdrawn(scripted_messages: Any) -> None:
    is_asked, is_withdrawn = asyncio.Event(), asyncio.Event()

    @tool
    async def ask_briefly(context: CallContext) -> str:
        asking = asyncio.create_task(context.ask("Who?", Name))
        await is_asked.wait()
        await cancel_and_wait([asking])
        await is_withdrawn.wait()
        return "given up"

    async def nobody(_context: ClientRequestContext, _params: ElicitRequestParams) -> ElicitResult:
        is_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_withdrawn.set()
        return ElicitResult(action="cancel")

    def ask(request: RecordedRequest) -> Reply:
        return says("Nobody answered.") if request.results else calls(("ask_briefly", {}))

    async with (
        serving(scripted_messages(ask), ask_briefly, with_tasks=True) as connect,
        connect(extensions=[TasksClient(lambda: True)], elicitation_callback=nobody) as client,
        asyncio.timeout(30),
    ):
        assert text(await client.call_tool(AGENT, {"prompt": "go"})) == "Nobody answered."


async def test_older_revisions_are_asked_while_the_call_is_open(scripted_messages: Any) -> None:
    async with serving(scripted_messages(script)) as connect:
        async with connect(mode="legacy") as client:
            assert text(await client.call_tool(AGENT, {"prompt": "one"})) == 'The user answered: "to one?"'
        for mode in ("legacy", "auto"):
            async with connect(mode=mode, elicitation_callback=None) as client:
                assert "Nobody can be asked" in text(await client.call_tool(AGENT, {"prompt": "one"}))


@pytest.mark.parametrize("result", [{}, {"action": "perhaps"}, {"action": "accept", "content": {"size": {"S": 1}}}])
async def test_an_answer_that_cannot_be_read_is_none(result: dict[str, Any]) -> None:
    about = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "raw", "version": "0"}}
    order = {"method": "tools/call", "params": {"name": "order", "arguments": {"what": "tea"}}}
    async with started([sys.executable, "-m", "tests.journeys.asking_server"]) as process:
        wire = Wire(process)
        await wire.answer("initialize", {**about, "capabilities": {"elicitation": {}}})
        asked = await wire.raw(json.dumps({"jsonrpc": "2.0", "id": "order", **order}).encode())
        answer = await wire.raw(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode())
    (content,) = answer["result"]["content"]
    assert content["text"] == "The client's answer to the question cannot be read."


@pytest.mark.requirement("question-waits")
async def test_a_call_that_waits_ends_with_its_server(scripted_messages: Any) -> None:
    model = scripted_messages(script)
    async with serving(model) as connect, connect() as client:
        await call(client, "one")
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "call"]
