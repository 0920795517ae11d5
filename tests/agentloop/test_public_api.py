"""What a user of the library writes: tools by decorator, limits of a run by argument, agents as tools."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anthropic
import pytest

from agentloop import (
    Agent,
    BudgetExceeded,
    CallContext,
    ConfigurationError,
    DeadlineExceeded,
    Document,
    Image,
    Inbox,
    Limits,
    RunScope,
    Tool,
    provider_client,
    tool,
)
from agentloop.budget import Budget, Ledger
from agentloop.events import Event, RunFinished
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]


@tool
def twice(number: int) -> int:
    """Double a number."""
    return 2 * number


@tool(name="count", title="Count words", read_only=True, idempotent=True, open_world=False, timeout=5)
async def word_count(context: CallContext, text: str) -> int:
    """Count the words of a text."""
    context.progress("counting")
    return len(text.split())


def agent(server: ScriptedMessages, name: str, *tools: Tool, **settings: Any) -> Agent:
    return Agent(name, "", tools, client=server.client, **settings)


async def test_a_decorated_function_is_a_tool_with_what_the_decorator_says() -> None:
    assert (twice.name, twice.spec.description, twice.spec.read_only, twice.timeout) == (
        "twice",
        "Double a number.",
        None,
        None,
    )
    spec = word_count.spec
    assert (spec.name, spec.title, spec.read_only, spec.destructive, spec.open_world) == (
        "count",
        "Count words",
        True,
        None,
        False,
    )
    assert word_count.timeout == 5
    both = Agent("a", "", [twice, word_count])
    steps = list[str]()
    output = await both.call_tool("count", {"text": "one two"}, context=CallContext(progress=steps.append))
    assert (output.text, steps) == ("2", ["counting"])
    assert (await both.call_tool("twice", {"number": 4})).text == "8"


def test_a_hint_that_does_not_exist_is_refused() -> None:
    def answer() -> int:
        return 42

    with pytest.raises(TypeError, match="readonly"):
        tool(readonly=True)(answer)  # type: ignore[call-overload]


async def test_an_agent_is_a_tool_of_another_one(scripted_messages: Serve) -> None:
    server = scripted_messages([calls(("writer_agent", {"prompt": "6?"})), says("six"), says("It is six.")])
    lead = agent(server, "lead", agent(server, "writer").as_tool())
    assert (await lead.run("go")).answer == "It is six."


@pytest.mark.parametrize("limit", [{"max_usd": 0.001}, {"max_usd": "0.001"}, {"max_tokens": 500}])
async def test_a_run_spends_no_more_than_it_may(scripted_messages: Serve, limit: dict[str, Any]) -> None:
    server = scripted_messages([says("never")])
    with pytest.raises(BudgetExceeded):
        await agent(server, "a").run("go", **limit)
    with pytest.raises(BudgetExceeded):
        await asyncio.to_thread(lambda: agent(server, "a").run_sync("go", **limit))
    async with agent(server, "a").stream("go", **limit) as run:
        with pytest.raises(BudgetExceeded):
            await run.result()
    assert not server.requests


async def test_a_limit_that_is_no_number_is_refused(scripted_messages: Serve) -> None:
    with pytest.raises(ConfigurationError, match="usd"):
        await agent(scripted_messages([]), "a").run("go", max_usd="much")


unconfigured = partial(provider_client, "foundry")


def sync_client() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Agent("", "Write."), "Agent '': name is '': give a text"),
        (lambda: Agent("a", "Write.", model=""), "Agent 'a': model is '': give the id of a model"),
        (lambda: Agent("a", ["Write."]), "Agent 'a': system_prompt is list: give a text"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", effort="huge"), "effort is 'huge': give one of low, medium"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", cache="1d"), "cache is '1d': give one of auto, 5m, 1h, off"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", max_tokens=0), "max_tokens is 0: give a whole number from 1"),
        (lambda: Agent("a", "", limits={"max_turns": 1}), "limits is dict: give Limits"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", client="key"), "client is 'key': give an async client"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", client=anthropic.Anthropic(api_key="k")), "client is Anthropic: give an async client"),  # type: ignore[arg-type]
        (lambda: Agent("a", "", client=sync_client).run_sync("go"), "The client is Anthropic: give an async"),  # type: ignore[arg-type]
        (
            lambda: Agent("a", "", client=unconfigured).run_sync("go"),
            "provider foundry is not configured: set ANTHROPIC_F",
        ),
        (lambda: Limits(max_turns=0), "Limits: max_turns is 0: give a whole number above 0"),
        (lambda: Limits(max_turns=1.5), "Limits: max_turns is 1.5: give a whole number above 0"),  # type: ignore[arg-type]
        (lambda: Limits(threads=math.inf), "Limits: threads is inf: give a whole number above 0"),  # type: ignore[arg-type]
        (lambda: Limits(run_timeout=None), "Limits: run_timeout is None: give a number"),  # type: ignore[arg-type]
        (lambda: Tool(twice.spec, 5), "Tool twice: 5 is no function"),  # type: ignore[arg-type]
        (lambda: tool(timeout=0)(len), "parameter 'obj'"),
        (lambda: replace(twice, timeout=0), "Tool twice: timeout is 0: give seconds above 0"),
        (lambda: Document(b""), "The document is empty"),
        (lambda: Document(" "), "The document is empty"),
        (lambda: Document(Path("a.pdf")), "Document.from_file(path) reads a file"),  # type: ignore[arg-type]
        (lambda: Image("cat.png"), "Image('cat.png'): give the content and not its place"),  # type: ignore[arg-type]
        (lambda: Agent("a", "").run_sync("go", deadline=0), "deadline is 0: give the seconds"),
        (lambda: Agent("a", "").run_sync("go", deadline="1"), "deadline is '1'"),  # type: ignore[arg-type]
        (lambda: Agent("a", "").run_sync("go", context=RunScope()), "give CallContext(...)"),  # type: ignore[arg-type]
        (lambda: Agent("a", "").run_sync("go", inbox=Inbox), "give Inbox(...)"),  # type: ignore[arg-type]
        (lambda: Agent("a", "").run_sync("go", on_question=5), "on_question is 5: give a function"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused_where_it_is_given(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert said in str(refused.value)


async def test_a_run_ends_at_its_deadline(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _request: Reply(says("never").content, seconds_per_event=60))
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await agent(server, "a").run("go", deadline=0.2)
    with pytest.raises(DeadlineExceeded):
        await agent(server, "a").run("go", deadline=60, context=CallContext(deadline=time.monotonic() + 0.2))
    assert time.monotonic() - began < 30


async def test_what_a_limited_run_spends_counts_for_the_caller_too(scripted_messages: Serve) -> None:
    server = scripted_messages([says("x"), says("y")])
    ledger = Ledger(Budget(tokens=1_000_000))
    context = CallContext(scope=RunScope(ledger=ledger))
    one = agent(server, "a", max_tokens=100)
    result = await one.run("go", max_tokens=200_000, context=context)
    assert ledger.left.tokens == 1_000_000 - result.usage.tokens
    poor = CallContext(scope=RunScope(ledger=Ledger(Budget(tokens=10))))
    with pytest.raises(BudgetExceeded):
        await one.run("go", max_tokens=200_000, context=poor)
    with pytest.raises(BudgetExceeded):
        await one.run("go", max_tokens=10, context=context)
    assert ledger.left.tokens == 1_000_000 - result.usage.tokens, "what was not spent is free again"


async def test_reservations_below_one_ledger_wait_for_each_other() -> None:
    above = Ledger(Budget(tokens=100))
    first, second = Ledger(Budget(tokens=90), parent=above), Ledger(Budget(tokens=90), parent=above)
    assert (first.left.tokens, first.left.usd) == (90, None)
    held = await first.reserve(Budget(tokens=80), "the first")
    waiting = asyncio.create_task(second.reserve(Budget(tokens=50), "the second"))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert second.left.tokens == 20
    held.settle(Budget(tokens=10))
    (await asyncio.wait_for(waiting, 5)).settle(Budget(tokens=0))
    assert (above.left.tokens, first.left.tokens, second.left.tokens) == (90, 80, 90)


async def test_handlers_of_a_stream_and_of_a_context_receive_the_same_events(scripted_messages: Serve) -> None:
    server = scripted_messages([says("x")])
    mine, above = list[Event](), list[Event]()
    context = CallContext(scope=RunScope(emit=above.append))
    async with agent(server, "a").stream("go", on_event=mine.append, context=context) as run:
        streamed = [event async for event in run]
    assert streamed == mine == above
    assert isinstance(streamed[-1], RunFinished)


async def test_a_tool_that_runs_an_agent_passes_its_context_on(scripted_messages: Serve) -> None:
    def script(request: RecordedRequest) -> Reply:
        return says("inner") if "inner" in str(request.body["messages"]) else calls(("ask", {}))

    server = scripted_messages(script)
    inner = agent(server, "inner")

    @tool
    async def ask(context: CallContext) -> str:
        return (await inner.run("inner", context=context)).answer

    received = list[Event]()
    result = await agent(server, "lead", ask).run("go", on_event=received.append)
    assert {event.agent for event in received} == {"lead", "inner"}
    assert [bill.agent for bill in result.bill.delegated] == ["inner"]
