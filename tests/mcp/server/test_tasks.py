"""Tasks in the memory of a server, for clients that declare the extension."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from mcp import Client, MCPError
from mcp.client.extension import advertise
from mcp.types import CallToolResult, EmptyResult, Request, Result
from pydantic import ConfigDict, Field

from agentloop import Agent, Tool, ToolError, ToolOutput
from agentloop.delegation_context import CALL, NOTE
from agentloop.mcp.client.tasks import ID, CancelTask, CreatedTask, GetTask, TaskParams, TasksClient
from agentloop.mcp.server.calls import Call
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.serving import build_server
from agentloop.mcp.server.tasks import Execute, MemoryRuns, Tasks
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.surface import text

pytestmark = pytest.mark.requirement("tasks")
AGENT = "tripler_agent"


class Task(Result):
    model_config = ConfigDict(extra="allow")
    task_id: str = Field(alias="taskId")
    status: str
    status_message: str = Field(alias="statusMessage", default="")
    ttl_ms: int = Field(alias="ttlMs")
    result: dict[str, Any] | None = None


class UpdateTask(Request[TaskParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: TaskParams


def double(number: int) -> int:
    return number * 2


class Tripler:
    """A tool that waits until `go` is set."""

    def __init__(self) -> None:
        self.is_waiting, self.go, self.is_cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def triple(self, number: int) -> int:
        self.is_waiting.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.is_cancelled.set()
            raise
        return number * 3


def script(request: RecordedRequest) -> Reply:
    return says("six") if request.results else calls(("triple", {"number": 2}))


@asynccontextmanager
async def serving(scripted: ScriptedMessages, tripler: Tripler) -> AsyncIterator[Callable[..., Client]]:
    """Makes clients of one server."""
    agent = Agent("tripler", "You triple.", [Tool.from_function(tripler.triple)], client=scripted.client)
    publication = Publication([Tool.from_function(double)], [agent])
    async with MemoryRuns(publication.run) as runs:
        server = build_server(publication)
        Tasks(runs).install(server, publication)
        yield lambda **options: Client(server, **options)


async def get(client: Client, task_id: str) -> Task:
    params = TaskParams.model_validate({"taskId": task_id})
    return await client.session.send_request(GetTask(params=params), Task)


async def created(client: Client) -> str:
    """The id of the task that a call becomes."""
    handle = await client.session.call_tool(AGENT, {"prompt": "2?"}, allow_claimed=True)
    assert isinstance(handle, CreatedTask)
    return handle.task_id


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await is_so():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_call_becomes_a_task_that_says_what_the_agent_does(scripted_messages: Any) -> None:
    tripler = Tripler()
    async with (
        serving(scripted_messages(script), tripler) as connect,
        connect(extensions=[TasksClient(lambda: True)]) as client,
    ):
        assert ID in (client.server_capabilities.extensions or {})
        task = await created(client)
        await tripler.is_waiting.wait()
        working = await get(client, task)
        assert (working.status, working.status_message) == ("working", "calls triple#1(number=2)")
        assert working.ttl_ms == 3_600_000
        tripler.go.set()
        assert text(await client.call_tool(AGENT, {"prompt": "2?"})) == "six"
        ended = await get(client, task)
        assert (ended.status, ended.status_message) == ("completed", "")
        assert text(CallToolResult.model_validate(ended.result)) == "six"


async def test_functions_delegated_calls_and_other_clients_are_answered_at_once(scripted_messages: Any) -> None:
    tripler = Tripler()
    tripler.go.set()
    async with serving(scripted_messages(script), tripler) as connect:
        async with connect(extensions=[advertise(ID)]) as client:
            assert text(await client.call_tool("double", {"number": 2})) == "4"
            delegated: Any = {CALL: {"id": "one", "depth": 1}}
            assert text(await client.call_tool(AGENT, {"prompt": "2?"}, meta=delegated)) == "six"
        for mode in ("auto", "legacy"):
            async with connect(mode=mode) as client:
                assert text(await client.call_tool(AGENT, {"prompt": "2?"})) == "six"


async def test_a_task_is_cancelled(scripted_messages: Any) -> None:
    tripler = Tripler()
    async with (
        serving(scripted_messages(script), tripler) as connect,
        connect(extensions=[TasksClient(lambda: True)]) as client,
    ):
        task = await created(client)
        await tripler.is_waiting.wait()
        cancel = CancelTask(params=TaskParams.model_validate({"taskId": task}))
        await client.session.send_request(cancel, EmptyResult)
        await tripler.is_cancelled.wait()

        async def is_over() -> bool:
            return (await get(client, task)).status == "cancelled"

        await until(is_over)
        with pytest.raises(MCPError, match="no such task"):
            await get(client, "another")


@pytest.mark.requirement("notes")
async def test_a_note_in_an_update_of_a_task_reaches_the_agent(scripted_messages: Any) -> None:
    tripler, server = Tripler(), scripted_messages(script)

    async def update(client: Client, note: Any) -> None:
        params = TaskParams.model_validate({"taskId": task, "_meta": {NOTE: note}})
        await client.session.send_request(UpdateTask(params=params), EmptyResult)

    async with serving(server, tripler) as connect, connect(extensions=[TasksClient(lambda: True)]) as client:
        task = await created(client)
        await tripler.is_waiting.wait()
        await update(client, "Say it in words.")
        for note, why in ((" ", "blank"), (7, "not a text")):
            with pytest.raises(MCPError, match=why):
                await update(client, note)
        tripler.go.set()

        async def has_ended() -> bool:
            return (await get(client, task)).status == "completed"

        await until(has_ended)
        with pytest.raises(MCPError, match="has ended"):
            await update(client, "Too late.")
    assert "Say it in words." in str(server.requests[1].body["messages"][-1])
    assert len(server.requests) == 2


def call(owner: str = "me") -> Call:
    return Call(Tool.from_function(double), {"number": 1}, owner, None, delegation=None)  # type: ignore[arg-type]


def executing(ends: asyncio.Event) -> Execute:
    async def execute(*_call: Any, **_more: Any) -> ToolOutput:
        await ends.wait()
        return ToolOutput.of("ended")

    return execute


async def test_a_task_is_its_owners_and_dropped_some_time_after_its_end() -> None:
    ends = asyncio.Event()
    async with MemoryRuns(executing(ends), kept=0) as runs:
        run = await runs.start(call())
        assert (await runs.find(run.id, "me"), await runs.find(run.id, "another")) == (run, None)
        ends.set()

        async def is_dropped() -> bool:
            return await runs.find(run.id, "me") is None

        await until(is_dropped)


async def test_a_full_memory_drops_tasks_that_have_ended_and_refuses_more_that_work() -> None:
    ends = asyncio.Event()
    async with MemoryRuns(executing(ends), most=3) as runs:
        for _ in range(3):
            await runs.start(call())
        with pytest.raises(ToolError, match="The server is full"):
            await runs.start(call())
        ends.set()
    async with MemoryRuns(executing(ends), most=3) as runs:
        states = [await runs.start(call(owner)) for owner in ("another", "me", "me")]

        async def statuses() -> list[str]:
            found = [await runs.find(each.id, each.owner) for each in states]
            return ["" if each is None else each.status for each in found]

        async def have_ended() -> bool:
            return await statuses() == ["completed"] * 3

        await until(have_ended)
        await runs.start(call())
        assert await statuses() == ["completed", "", "completed"]


async def test_a_task_is_cancelled_before_it_begins_and_when_the_server_ends() -> None:
    async with MemoryRuns(executing(asyncio.Event())) as runs:
        first, second = await runs.start(call()), await runs.start(call())
        await runs.cancel(first.id)
    for run in (first, second):
        state = await runs.find(run.id, "me")
        assert state is not None
        assert state.status == "cancelled"
