"""The tasks extension: what a client gets that declares it, and one that does not."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Literal

import anyio.to_thread
import httpx2
import pytest
import pytest_asyncio
from mcp import MCPError
from mcp.client import ClientExtension, ResultClaim
from mcp.types import METHOD_NOT_FOUND, CallToolResult, EmptyResult, Request, Result
from pydantic import ConfigDict, Field

from agentloop.delegation_context import NOTE
from agentloop.mcp.client.tasks import ID as TASKS
from agentloop.mcp.client.tasks import CancelTask, CreatedTask, GetTask, TaskParams
from agentloop.testing import RecordedRequest as ModelRequest
from agentloop.testing import Reply, ScriptedMessages, calls, says
from tests.surface import Held, Served, scripted_env, serving, text

AGENT = "calculator_assistant_agent"
ANSWER = 'Answer: {"result": "1.5", "exact": true}'

held: set[str] = set()
is_noted = threading.Event()


async def answer(request: ModelRequest) -> Reply:
    """A prompt in `held` gets no second turn. One waits for a note before the first."""
    if request.prompt == "wait for a note":
        await anyio.to_thread.run_sync(is_noted.wait, 30, abandon_on_cancel=True)
    if request.results:
        if request.prompt in held:
            await asyncio.Event().wait()
        return says(f"Answer: {request.results[0]['content'][0]['text']}")
    return calls(("sum_numbers", {"numbers": [1, "0.5"]}))


class Handle(CreatedTask):
    model_config = ConfigDict(extra="allow")
    status: str
    ttl_ms: int = Field(alias="ttlMs")


class Task(Result):
    model_config = ConfigDict(extra="allow")
    status: str
    result: dict[str, Any] | None = None


class UpdateTask(Request[TaskParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: TaskParams
    name_param = "taskId"


class Declaring(ClientExtension):
    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Handle, resolve=self._never)]

    async def _never(self, _handle: Handle, _context: object) -> CallToolResult:
        raise AssertionError("the tests look at handles themselves")


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedMessages]:
    with ScriptedMessages(answer) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    store = f"sqlite:{tmp_path_factory.mktemp('runs') / 'store'}"
    async with Held(serving("streamable-http", "--durable", store, env=scripted_env(model.url))) as server:
        yield server


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.requirement("durable-tasks")]


def about(model: ScriptedMessages, prompt: str) -> list[ModelRequest]:
    return [request for request in model.requests if request.prompt == prompt]


def params(task_id: str) -> TaskParams:
    return TaskParams.model_validate({"taskId": task_id})


async def handed_out(client: Any, prompt: str) -> Handle:
    handle = await client.session.call_tool(AGENT, {"prompt": prompt}, allow_claimed=True)
    assert isinstance(handle, Handle)
    return handle


async def state(client: Any, task_id: str) -> Task:
    task: Task = await client.session.send_request(GetTask(params=params(task_id)), Task)
    return task


async def ended(client: Any, task_id: str) -> Task:
    async with asyncio.timeout(60):
        while True:
            task = await state(client, task_id)
            if task.status != "working":
                return task
            await asyncio.sleep(0.05)


async def test_a_client_that_declares_it_gets_a_handle_and_then_the_result(served: Served) -> None:
    async with served.client(extensions=[Declaring()]) as client:
        assert TASKS in (client.server_capabilities.extensions or {})
        handle = await handed_out(client, "handle")
        assert (handle.status, handle.ttl_ms > 0) == ("working", True)
        task = await ended(client, handle.task_id)
        assert task.status == "completed"
        assert text(CallToolResult.model_validate(task.result)) == ANSWER


async def test_one_that_does_not_waits_for_the_result(served: Served) -> None:
    for mode in ("auto", "legacy"):
        async with served.client(mode) as client:
            assert text(await client.call_tool(AGENT, {"prompt": f"blocking {mode}"})) == ANSWER


async def test_functions_answer_at_once(served: Served) -> None:
    async with served.client(extensions=[Declaring()]) as client:
        result = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
        assert result.structured_content == {"result": "3", "exact": True}


async def test_a_cancelled_task_stops_its_model_request(model: ScriptedMessages, served: Served) -> None:
    held.add("cancel me")
    async with served.client(extensions=[Declaring()]) as client:
        handle = await handed_out(client, "cancel me")
        await model.until(lambda: len(about(model, "cancel me")) == 2)
        for _ in range(2):  # once more changes nothing
            await client.session.send_request(CancelTask(params=params(handle.task_id)), EmptyResult)
        await model.until(lambda: about(model, "cancel me")[1].outcome == "cancelled")
        assert (await ended(client, handle.task_id)).status == "cancelled"


async def test_what_is_no_task_is_reported(served: Served) -> None:
    async with served.client(extensions=[Declaring()]) as client:
        for request in (GetTask(params=params("nonsense")), CancelTask(params=params("nonsense"))):
            with pytest.raises(MCPError, match="no such task"):
                await client.session.send_request(request, Result)


async def test_a_client_that_did_not_declare_it_is_refused(served: Served) -> None:
    async with served.client() as client:
        with pytest.raises(MCPError, match="did not declare") as refused:
            await client.session.send_request(GetTask(params=params("any")), Result)
        assert refused.value.code == -32021
    async with served.client("legacy") as client:
        with pytest.raises(MCPError) as unknown:
            await client.session.send_request(GetTask(params=params("any")), Result)
        assert unknown.value.code == METHOD_NOT_FOUND


@pytest.mark.parametrize("name", [None, "other"])
async def test_a_header_that_names_another_task_is_refused(served: Served, name: str | None) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "one", "_meta": meta}}
    headers = {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tasks/get",
        "Accept": "application/json, text/event-stream",
    }
    headers |= {} if name is None else {"Mcp-Name": name}
    async with httpx2.AsyncClient() as http:
        answered = await http.post(served.url, json=body, headers=headers)
    assert answered.status_code == 400
    assert answered.json()["error"]["code"] == -32020


@pytest.mark.requirement("notes")
async def test_a_note_reaches_a_run_that_works(model: ScriptedMessages, served: Served) -> None:
    async with served.client(extensions=[Declaring()]) as client:
        handle = await handed_out(client, "wait for a note")
        await model.until(lambda: len(about(model, "wait for a note")) == 1)
        note = TaskParams.model_validate({"taskId": handle.task_id, "_meta": {NOTE: "Hurry."}})
        await client.session.send_request(UpdateTask(params=note), EmptyResult)
        is_noted.set()
        assert (await ended(client, handle.task_id)).status == "completed"
        with pytest.raises(MCPError, match="has ended"):
            await client.session.send_request(UpdateTask(params=note), EmptyResult)
    assert "Hurry." in str(model.requests[-1].body["messages"][-1])


@pytest.mark.slow
async def test_nobody_else_gets_at_a_task(model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Owners are told apart by token; another server on another store shows nothing either."""
    store = f"sqlite:{tmp_path_factory.mktemp('other') / 'store'}"
    async with (
        serving("stdio", "--durable", store, env=scripted_env(model.url)) as first,
        first.client(extensions=[Declaring()]) as client,
    ):
        handle = await handed_out(client, "owned")
        assert (await ended(client, handle.task_id)).status == "completed"
    async with (
        serving("streamable-http", "--durable", store, env=scripted_env(model.url)) as second,
        second.client(extensions=[Declaring()]) as client,
    ):
        with pytest.raises(MCPError, match="no such task"):
            await client.session.send_request(GetTask(params=params(handle.task_id)), Result)


@pytest.mark.slow
async def test_a_handle_is_good_after_kill_9_and_a_restart(
    model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = f"sqlite:{tmp_path_factory.mktemp('killed') / 'store'}"
    prompt = "survives"
    held.add(prompt)
    async with Held(serving("streamable-http", "--durable", store, env=scripted_env(model.url))) as first:
        async with Held(first.client(extensions=[Declaring()])) as client:
            handle = await handed_out(client, prompt)
        await model.until(lambda: len(about(model, prompt)) == 2)
        first.process.kill()
        await first.process.wait()
    held.remove(prompt)
    async with (
        serving("streamable-http", "--durable", store, env=scripted_env(model.url)) as second,
        second.client(extensions=[Declaring()]) as client,
    ):
        task = await ended(client, handle.task_id)
    assert text(CallToolResult.model_validate(task.result)) == ANSWER
    assert len(about(model, prompt)) == 3
