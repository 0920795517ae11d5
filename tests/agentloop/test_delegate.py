"""An agent as a tool of another: on the caller's event loop, or in a thread with a loop of its own."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from agentloop import (
    Agent,
    CallContext,
    ConfigurationError,
    Limits,
    RunScope,
    Tool,
    ToolSpec,
    TurnLimitExceeded,
    create_agent_tool_async,
    create_agent_tool_sync,
    tool,
)
from agentloop.delegate import agent_spec
from agentloop.delegation_context import STEPS, USAGE
from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, calls, fails, refuses, says
from agentloop.testing.server import Script
from agentloop.usage import Bill

Serve = Callable[[Script], ScriptedMessages]
Wrap = Callable[[Agent], Tool]
PROMPT = agent_spec(Agent("worker", "Work.")).input_schema

both = pytest.mark.parametrize("wrap", [create_agent_tool_async, create_agent_tool_sync], ids=["async", "sync"])


def agent(server: ScriptedMessages, name: str, *tools: Tool, **settings: Any) -> Agent:
    """An agent whose requests can be told from others': its name is its system prompt."""
    return Agent(name, name, tools, client=server.client, **settings)


def delegating(
    count: int, work: Callable[[RecordedRequest], Reply | Awaitable[Reply]]
) -> Callable[[RecordedRequest], Reply | Awaitable[Reply]]:
    """A script: the boss asks `count` workers at once and then says what they answered."""

    def script(request: RecordedRequest) -> Reply | Awaitable[Reply]:
        if request.system != "boss":
            return work(request)
        if request.results:
            return says(json.dumps([result["content"][0]["text"] for result in request.results]))
        return calls(*(("worker_agent", {"prompt": f"part {number}"}) for number in range(count)))

    return script


@pytest.mark.requirement("async-wrapper")
@both
async def test_sub_agents_of_one_message_work_at_once(scripted_messages: Serve, wrap: Wrap) -> None:
    meeting = Rendezvous(12)

    async def work(request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says(f"did {request.prompt}")

    server = scripted_messages(delegating(12, work))
    result = await agent(server, "boss", wrap(agent(server, "worker"))).run("go")
    assert json.loads(result.answer) == [f"did part {number}" for number in range(12)]
    assert result.usage.requests == len(server.requests) == 14


@pytest.mark.slow
@pytest.mark.requirement("two-hundred-threads")
async def test_two_hundred_agents_in_threads_neither_queue_nor_deadlock(scripted_messages: Serve) -> None:
    meeting = Rendezvous(200, 40.0)

    async def work(request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says(request.prompt)

    server = scripted_messages(delegating(200, work))
    result = await agent(server, "boss", create_agent_tool_sync(agent(server, "worker"))).run("go")
    assert json.loads(result.answer) == [f"part {number}" for number in range(200)]


@both
async def test_nested_agents_in_threads_do_not_wait_for_each_others_threads(
    scripted_messages: Serve, wrap: Wrap
) -> None:
    meeting = Rendezvous(30, 30.0)

    async def work(request: RecordedRequest) -> Reply:
        if request.system == "worker":
            return says("passed on") if request.results else calls(("helper_agent", {"prompt": request.prompt}))
        await meeting.meet()
        return says("helped")

    server = scripted_messages(delegating(30, work))
    helper = create_agent_tool_sync(agent(server, "helper"))
    result = await agent(server, "boss", wrap(agent(server, "worker", helper))).run("go")
    assert json.loads(result.answer) == ["passed on"] * 30


@both
async def test_the_output_has_the_answer_its_steps_and_its_cost(scripted_messages: Serve, wrap: Wrap) -> None:
    def double(number: float) -> float:
        return number * 2

    server = scripted_messages([calls(("double", {"number": 21})), says("42")])
    worker = agent(server, "worker", Tool.from_function(double), model="claude-haiku-5-5")
    bills: list[Bill] = []
    context = CallContext(scope=RunScope(charge=bills.append))
    output = await agent(server, "boss", wrap(worker)).call_tool("worker_agent", {"prompt": "6 * 7?"}, context=context)
    (bill,) = bills
    assert (output.text, output.is_error) == ("42", False)
    assert output.structured is None
    assert output.meta == {
        STEPS: [{"tool": "double", "arguments": {"number": 21}, "result": "42.0", "is_error": False}],
        USAGE: bill.to_json(),
    }
    assert (bill.agent, bill.delegated) == ("worker", ())
    spent = bill.own.by_model["claude-haiku-5-5"]
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (2, 20, 40)


@pytest.mark.requirement("usage-adds-up")
@both
async def test_the_usage_of_three_levels_is_what_the_server_counted(scripted_messages: Serve, wrap: Wrap) -> None:
    def script(request: RecordedRequest) -> Reply:
        below = {"boss": "worker_agent", "worker": "helper_agent"}.get(request.system)
        if below is None or request.results:
            reply = says("done")
        else:
            reply = calls((below, {"prompt": "one"}), (below, {"prompt": "two"}))
        return replace(reply, usage={"input_tokens": request.number, "output_tokens": 7})

    server = scripted_messages(script)
    helper = agent(server, "helper", model="claude-small")
    worker = agent(server, "worker", wrap(helper), model="claude-middle")
    result = await agent(server, "boss", wrap(worker), model="claude-large").run("go")
    assert len(server.requests) == 2 + 2 * 2 + 4
    for model in ("claude-small", "claude-middle", "claude-large"):
        numbers = [request.number for request in server.requests if request.body["model"] == model]
        spent = result.usage.by_model[model]
        assert (spent.requests, spent.input_tokens) == (len(numbers), sum(numbers))
        assert spent.output_tokens == 7 * len(numbers)


@both
async def test_sub_agents_that_fail_say_why_and_what_it_cost(scripted_messages: Serve, wrap: Wrap) -> None:
    replies = [
        refuses("That would be harmful."),
        fails(400, "invalid_request_error"),
        says("4", stop_reason="max_tokens"),
        says(""),
    ]

    def work(request: RecordedRequest) -> Reply:
        number = int(request.prompt.removeprefix("part "))
        return replies[number] if number < len(replies) else calls(("nothing", {}))

    server = scripted_messages(delegating(5, work))
    worker = agent(server, "worker", model="claude-haiku-5-5", limits=Limits(max_turns=3))
    result = await agent(server, "boss", wrap(worker)).run("go")
    assert all(step.is_error and step.result.startswith("worker has no answer: ") for step in result.steps)
    assert [step.result.removeprefix("worker has no answer: ") for step in result.steps] == [
        "That would be harmful.",
        "The Messages API answered 400: scripted invalid_request_error",
        "The answer was cut off at max_tokens=32768; allow more or ask for less.",
        "The model ended its turn without an answer, also when asked once more.",
        "worker had no answer after 3 turns, its limit.",
    ]
    assert result.usage.by_model["claude-haiku-5-5"].requests == 1 + 1 + 2 + 2 + 3
    assert result.usage.requests == len(server.requests)


@both
async def test_delegation_has_a_limit_of_depth(scripted_messages: Serve, wrap: Wrap) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says(request.results[0]["content"][0]["text"])
        return calls(({"boss": "worker_agent", "worker": "helper_agent"}[request.system], {"prompt": "do"}))

    server = scripted_messages(script)
    helper = agent(server, "helper", limits=Limits(max_depth=1))
    result = await agent(server, "boss", wrap(agent(server, "worker", wrap(helper)))).run("go")
    assert result.answer == "helper would be nested 2 agents deep; the limit is 1. Do this part without delegating it."
    assert "helper" not in {request.system for request in server.requests}


async def test_an_agent_that_its_tool_runs_again_has_the_same_limit(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _request: calls(("again", {})))

    @tool
    async def again(context: CallContext) -> str:
        return (await worker.run("do", context=context)).answer

    worker = agent(server, "worker", again, limits=Limits(max_depth=2, max_turns=2))
    with pytest.raises(TurnLimitExceeded):
        await worker.run("go")
    refused = "ConfigurationError: worker would be nested 3 agents deep; the limit is 2."
    assert any(refused in str(request.results) for request in server.requests)


@both
async def test_a_blank_task_is_an_error_for_the_model(scripted_messages: Serve, wrap: Wrap) -> None:
    server = scripted_messages([])
    boss = agent(server, "boss", wrap(agent(server, "worker")))
    for prompt, reported in (("", "'' should be non-empty"), (" ", "prompt is empty")):
        output = await boss.call_tool("worker_agent", {"prompt": prompt})
        assert output.is_error
        assert reported in output.text
    assert server.requests == []


@both
async def test_the_length_of_a_task_is_bounded_by_a_limit(scripted_messages: Serve, wrap: Wrap) -> None:
    server = scripted_messages([says("done")])
    worker = replace(agent(server, "worker"), limits=Limits(max_prompt_chars=60_000))
    boss = agent(server, "boss", wrap(worker))
    assert not (await boss.call_tool("worker_agent", {"prompt": "x" * 60_000})).is_error
    too_long = await boss.call_tool("worker_agent", {"prompt": "x" * 60_001})
    assert too_long.is_error
    assert "prompt: too long: it has 60,001 characters, and 60,000 are allowed" in too_long.text
    assert len(server.requests) == 1
    spec = boss.tools[0].spec
    assert spec.input_schema["properties"]["prompt"]["maxLength"] == 60_000
    assert {*spec.for_model()["input_schema"]["properties"]["prompt"]} == {"type", "description"}, (
        "the model pays for it"
    )


@both
async def test_half_a_character_in_a_task_does_no_harm(scripted_messages: Serve, wrap: Wrap) -> None:
    server = scripted_messages([says("ok")])
    output = await agent(server, "boss", wrap(agent(server, "worker"))).call_tool("worker_agent", {"prompt": "a\ud83d"})
    assert (output.text, server.requests[0].prompt) == ("ok", "a?")


@both
async def test_a_tool_is_described_by_its_agent_or_as_reported(scripted_messages: Serve, wrap: Any) -> None:
    server = scripted_messages([])
    described = agent(server, "worker", description="Works hard.")
    assert (wrap(described).name, wrap(described).spec.description) == ("worker_agent", "Works hard.")
    assert "worker" in wrap(agent(server, "worker")).spec.description
    spec = ToolSpec("other", "Other.", {"type": "object"})
    assert wrap(described, spec=spec, timeout=3.0).spec is spec
    assert wrap(described, timeout=3.0).timeout == 3.0


@pytest.mark.requirement("sync-wrapper")
async def test_agents_in_threads_close_the_client_they_use(scripted_messages: Serve) -> None:
    meeting = Rendezvous(3)
    clients: list[Any] = []

    async def work(_request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says("done")

    server = scripted_messages(delegating(3, work))

    def client() -> Any:
        clients.append(server.client())
        return clients[-1]

    worker = replace(agent(server, "worker"), client=client)
    await agent(server, "boss", create_agent_tool_sync(worker)).run("go")
    assert clients
    assert all(one.is_closed() for one in clients)


async def test_a_ready_made_client_cannot_go_into_a_thread(scripted_messages: Serve) -> None:
    client = scripted_messages([]).client()
    owner = Agent("worker", "Work.", client=client)
    with pytest.raises(ConfigurationError, match=r"create_agent_tool_sync .* client=lambda"):
        create_agent_tool_sync(owner)
    with pytest.raises(ConfigurationError, match=r"run_sync .* client=lambda"):
        owner.run_sync("go")
    assert create_agent_tool_async(owner).name == "worker_agent"
    await client.close()


async def test_run_sync_in_async_code_is_refused(scripted_messages: Serve) -> None:
    server = scripted_messages([])
    with pytest.raises(ConfigurationError, match="await `run` instead"):
        agent(server, "worker").run_sync("go")


def test_run_sync_works_again_and_again(scripted_messages: Serve) -> None:
    server = scripted_messages([says("one"), says("two")])
    worker = agent(server, "worker")
    first = worker.run_sync("go")
    assert first.answer == "one"
    assert worker.run_sync(first.conversation.ask("and then?")).answer == "two"
    assert len(server.requests[1].body["messages"]) == 3


@both
def test_an_output_schema_is_refused_that_is_broken_or_that_the_agent_does_not_serve(wrap: Any) -> None:
    def spec(schema: dict[str, Any]) -> ToolSpec:
        return ToolSpec("other", "Other.", PROMPT, output_schema=schema)

    with pytest.raises(ConfigurationError, match=r"^other: .*not a valid JSON schema"):
        wrap(Agent("worker", "Work."), spec=spec({"type": "nonsense"}))
    with pytest.raises(ConfigurationError, match=r"^other has an output schema, and the agent gives no"):
        wrap(Agent("worker", "Work."), spec=spec({"type": "object"}))
    structured = Agent("worker", "Work.", structured_result=lambda result: {"words": len(result.answer.split())})
    assert wrap(structured, spec=spec({"type": "object"})).spec.output_schema == {"type": "object"}


@both
def test_an_agent_takes_no_argument_but_its_prompt(wrap: Any) -> None:
    schema = {"type": "object", "properties": {"prompt": {"type": "string"}, "city": {"type": "string"}}}
    with pytest.raises(ConfigurationError, match="the agent takes prompt; the input schema has city too"):
        wrap(Agent("worker", "Work."), spec=ToolSpec("other", "Other.", schema))


@both
def test_an_agent_is_as_harmless_as_its_tools_say_and_those_who_say_it_are_believed(wrap: Any) -> None:
    def look() -> str:
        return "seen"

    reads = Tool.from_function(look, name="look", read_only=True, destructive=False, idempotent=True)
    silent = Tool.from_function(look, name="silent")
    far = replace(Tool.from_function(look, name="far", read_only=True, destructive=False), is_trusted=False)

    def hints(*tools: Tool) -> tuple[bool | None, ...]:
        spec = wrap(Agent("worker", "Work.", tools)).spec
        return spec.read_only, spec.destructive, spec.idempotent

    assert hints() == (True, False, True)
    assert wrap(Agent("worker", "Work.", sessions=True)).spec.idempotent is False
    assert hints(reads) == (True, False, True)
    assert hints(reads, silent) == (None, None, None)
    assert hints(reads, far) == (None, None, None)
    assert hints(silent, Tool.from_function(look, name="drop", destructive=True, read_only=False)) == (
        False,
        True,
        None,
    )
    assert wrap(Agent("worker", "Work.", [reads])).is_harmless
    assert not wrap(Agent("worker", "Work.", [reads, far])).is_harmless


@both
@pytest.mark.parametrize("is_told", [True, False])
def test_an_agent_that_uses_a_tool_that_is_not_trusted_never_starts_early(wrap: Any, *, is_told: bool) -> None:
    def look() -> str:
        return "seen"

    far = replace(Tool.from_function(look, read_only=True), is_trusted=False)
    spec = ToolSpec("worker_agent", "Works.", PROMPT, read_only=True, is_agent=True) if is_told else None
    worker = wrap(Agent("worker", "Work.", [far]), spec=spec)
    boss = wrap(Agent("boss", "Delegate.", [worker]))
    assert not worker.is_harmless
    assert not boss.is_harmless, "however far down it is"
