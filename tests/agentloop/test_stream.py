"""`Agent.stream`: the events of a run as an async iterator, and its result after them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from agentloop import Agent, ConfigurationError, Refused, Tool
from agentloop.agent import RunOptions
from agentloop.events import Event, RunFinished, RunStarted, TurnStarted
from agentloop.testing import ScriptedMessages, calls, refuses, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
ENDLESS = replace(says("never"), seconds_per_event=300.0)


def double(number: float) -> float:
    return number * 2


def agent(server: ScriptedMessages) -> Agent:
    return Agent("tester", "Test.", [Tool.from_function(double)], client=server.client)


async def test_a_stream_yields_the_events_an_handler_gets(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([calls(("double", {"number": 21})), says("42")] * 2)
    await agent(server).run("go", on_event=received.append)
    async with agent(server).stream("go") as events:
        yielded = [event async for event in events]
        assert (await events.result()).answer == "42"
    assert [type(event) for event in yielded] == [type(event) for event in received]


async def test_a_stream_can_be_continued_like_any_run(scripted_messages: Serve) -> None:
    server = scripted_messages([says("4"), says("8")])
    one = agent(server)
    async with one.stream("go") as events:
        first = await events.result()
    async with one.stream(first.conversation.ask("and then?")) as events:
        assert (await events.result()).answer == "8"


async def test_leaving_the_block_early_cancels_the_run(scripted_messages: Serve) -> None:
    server = scripted_messages([ENDLESS])
    before = asyncio.all_tasks()
    async with agent(server).stream("go") as events:
        async for event in events:
            if isinstance(event, TurnStarted):
                break
        await server.until(lambda: len(server.requests) == 1)
    assert asyncio.all_tasks() == before
    await server.until(lambda: server.requests[0].outcome == "cancelled")


async def test_an_error_in_the_block_cancels_the_run(scripted_messages: Serve) -> None:
    server = scripted_messages([ENDLESS])
    block = agent(server).stream("go")
    await block.__aenter__()
    await server.until(lambda: len(server.requests) == 1)
    assert not await block.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
    await server.until(lambda: server.requests[0].outcome == "cancelled")


async def test_a_failed_run_ends_the_stream_and_its_result_raises(scripted_messages: Serve) -> None:
    server = scripted_messages([refuses("Not this.")])
    async with agent(server).stream("go") as events:
        yielded = [event async for event in events]
        with pytest.raises(Refused, match="Not this"):
            await events.result()
    assert isinstance(yielded[0], RunStarted)
    assert isinstance(yielded[-1], RunFinished)


async def test_a_run_that_never_began_ends_the_stream_too(scripted_messages: Serve) -> None:
    async with agent(scripted_messages([])).stream(" ") as events:
        assert [event async for event in events] == []
        with pytest.raises(ConfigurationError):
            await events.result()


async def test_iterating_once_more_after_the_end_yields_nothing(scripted_messages: Serve) -> None:
    async with agent(scripted_messages([says("4")])).stream("go") as events:
        assert [event async for event in events]
        async with asyncio.timeout(10):
            assert [event async for event in events] == []


@pytest.mark.parametrize("options", [{}, {"max_usd": -1}], ids=["refused", "wrong option"])
async def test_an_error_is_raised_at_the_end_if_nobody_asks_for_the_result(
    scripted_messages: Serve, options: RunOptions
) -> None:
    server = scripted_messages([refuses("not that")])
    seen: list[Event] = []
    with pytest.raises((Refused, ConfigurationError)):
        async with agent(server).stream("go", **options) as events:
            seen += [event async for event in events]
    assert [isinstance(event, RunFinished) for event in seen[-1:]] == ([] if options else [True])
