"""A durable run that has asked a question survives the end of its server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult, ElicitResult, EmptyResult

from agentloop.mcp.client.tasks import UpdateParams, UpdateTask
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.durable.test_tasks import Declaring, Handle, Task, state
from tests.surface import Served, scripted_env, serving, text

ANSWER = {"action": "accept", "content": {"answer": "Ada"}}


def script(request: RecordedRequest) -> Reply:
    """Asks once, or with the prompt `twice` the same question again; the answer is that to the last one.

    With the prompt `no question` it asks nothing.
    """
    if request.prompt == "no question":
        return says("done")
    turns = sum(message["role"] == "assistant" for message in request.body["messages"])
    if turns == (2 if request.prompt == "twice" else 1):
        return says(request.results[-1]["content"][0]["text"])
    return calls(("ask_user", {"question": "Who?"}))


async def elicit(_context: Any, _params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"answer": "Ada"})


def client_of(served: Served, **options: Any) -> Any:
    return served.client(elicitation_callback=elicit, **options)


async def until(client: Any, task_id: str, status: str) -> Any:
    async with asyncio.timeout(60):
        while (task := await state(client, task_id)).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return task


@pytest.mark.slow
@pytest.mark.requirement("questions")
async def test_a_question_is_answered_once_although_the_server_was_killed(tmp_path: Path) -> None:
    options = ("--publish", "tests.durable.asker:asker", "--durable", f"sqlite:{tmp_path / 'store'}")
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with serving("streamable-http", *options, env=env) as served:
            async with client_of(served, extensions=[Declaring()]) as client:
                handle = await client.session.call_tool("asker_agent", {"prompt": "go"}, allow_claimed=True)
                assert isinstance(handle, Handle)
                asked = await until(client, handle.task_id, "input_required")
            served.process.kill()
            await served.process.wait()
        async with serving("streamable-http", *options, env=env) as served:
            async with client_of(served, extensions=[Declaring()]) as client:
                again = await until(client, handle.task_id, "input_required")
                assert again.inputRequests == asked.inputRequests
                (key,) = asked.inputRequests
                params = UpdateParams.model_validate({"taskId": handle.task_id, "inputResponses": {key: ANSWER}})
                await client.session.send_request(UpdateTask(params=params), EmptyResult)
                task: Task = await until(client, handle.task_id, "completed")
            async with client_of(served) as client:
                blocking = await client.call_tool("asker_agent", {"prompt": "again"})
            async with client_of(served, mode="legacy") as client:
                legacy = await client.call_tool("asker_agent", {"prompt": "legacy"})
    told = 'The user answered: "Ada"'
    assert [text(CallToolResult.model_validate(task.result)), text(blocking), text(legacy)] == [told] * 3
    assert [request.prompt for request in model.requests].count("go") == 2


@pytest.mark.requirement("questions")
async def test_a_run_that_waits_for_a_person_keeps_no_other_waiting(tmp_path: Path) -> None:
    options = ("--publish", "tests.durable.asker:asker", "--durable", f"sqlite:{tmp_path}/store", "--max-agents", "1")
    with ScriptedMessages(script) as model:
        async with (
            serving("streamable-http", *options, env=scripted_env(model.url)) as served,
            client_of(served, extensions=[Declaring()]) as client,
        ):
            asking = await client.session.call_tool("asker_agent", {"prompt": "go"}, allow_claimed=True)
            assert isinstance(asking, Handle)
            (key,) = (await until(client, asking.task_id, "input_required")).inputRequests
            other = await client.session.call_tool("asker_agent", {"prompt": "no question"}, allow_claimed=True)
            assert isinstance(other, Handle)
            await until(client, other.task_id, "completed")
            params = UpdateParams.model_validate({"taskId": asking.task_id, "inputResponses": {key: ANSWER}})
            await client.session.send_request(UpdateTask(params=params), EmptyResult)
            await until(client, asking.task_id, "completed")


@pytest.mark.slow
@pytest.mark.requirement("questions")
async def test_the_same_question_again_is_another_question_also_after_a_kill(tmp_path: Path) -> None:
    options = ("--publish", "tests.durable.asker:asker", "--durable", f"sqlite:{tmp_path / 'store'}")

    async def answer(client: Any, key: str, name: str) -> None:
        given = {key: {"action": "accept", "content": {"answer": name}}}
        params = UpdateParams.model_validate({"taskId": handle.task_id, "inputResponses": given})
        await client.session.send_request(UpdateTask(params=params), EmptyResult)

    async def asked_again(client: Any) -> str:
        async with asyncio.timeout(60):
            while True:
                (key,) = (await until(client, handle.task_id, "input_required")).inputRequests
                if key != first:
                    return str(key)
                await asyncio.sleep(0.05)

    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with serving("streamable-http", *options, env=env) as served:
            async with client_of(served, extensions=[Declaring()]) as client:
                handle = await client.session.call_tool("asker_agent", {"prompt": "twice"}, allow_claimed=True)
                assert isinstance(handle, Handle)
                (first,) = (await until(client, handle.task_id, "input_required")).inputRequests
                await answer(client, first, "Ada")
                second = await asked_again(client)
            served.process.kill()
            await served.process.wait()
        async with (
            serving("streamable-http", *options, env=env) as served,
            client_of(served, extensions=[Declaring()]) as client,
        ):
            assert await asked_again(client) == second
            await answer(client, first, "Ada")
            await answer(client, second, "Bob")
            task = await until(client, handle.task_id, "completed")
    assert text(CallToolResult.model_validate(task.result)) == 'The user answered: "Bob"'


@pytest.mark.slow
@pytest.mark.requirement("questions")
async def test_an_answer_may_come_before_the_run_has_asked_again(tmp_path: Path) -> None:
    options = ("--publish", "tests.durable.asker:late_asker", "--durable", f"sqlite:{tmp_path / 'store'}")
    asks = tmp_path / "asks"
    asks.touch()

    def ask_later(request: RecordedRequest) -> Reply:
        return says(request.results[-1]["content"][0]["text"]) if request.results else calls(("ask_later", {}))

    with ScriptedMessages(ask_later) as model:
        env = scripted_env(model.url, ASK_LATER=str(asks))
        async with serving("streamable-http", *options, env=env) as served:
            async with client_of(served, extensions=[Declaring()]) as client:
                handle = await client.session.call_tool("late_asker_agent", {"prompt": "go"}, allow_claimed=True)
                assert isinstance(handle, Handle)
                (key,) = (await until(client, handle.task_id, "input_required")).inputRequests
            served.process.kill()
            await served.process.wait()
        asks.unlink()
        async with (
            serving("streamable-http", *options, env=env) as served,
            client_of(served, extensions=[Declaring()]) as client,
        ):
            assert (await state(client, handle.task_id)).status == "working"
            params = UpdateParams.model_validate({"taskId": handle.task_id, "inputResponses": {key: ANSWER}})
            await client.session.send_request(UpdateTask(params=params), EmptyResult)
            asks.touch()
            task = await until(client, handle.task_id, "completed")
    assert text(CallToolResult.model_validate(task.result)) == "Ada"
