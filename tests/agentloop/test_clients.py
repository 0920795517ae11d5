"""Where an agent's SDK clients come from, and that they are closed."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from anthropic import AsyncAnthropic

from agentloop import Agent, ConfigurationError, sdk_client
from agentloop.model import Clients
from agentloop.testing import RecordedRequest, Rendezvous, Reply, ScriptedMessages, says
from agentloop.testing.server import Script
from agentloop.wire import ApiClient

Serve = Callable[[Script], ScriptedMessages]


class Factory:
    """Makes clients and keeps them."""

    def __init__(self) -> None:
        self.made: list[AsyncAnthropic] = []

    def __call__(self) -> AsyncAnthropic:
        self.made.append(sdk_client(api_key="scripted"))
        return self.made[-1]

    @property
    def closed(self) -> list[bool]:
        return [one.is_closed() for one in self.made]


async def test_a_client_serves_one_loop_as_long_as_anybody_needs_it() -> None:
    factory = Factory()
    clients = Clients(factory)
    async with clients.lease() as first:
        async with clients.lease() as second:
            assert second is first
        assert factory.closed == [False]
        async with clients.lease() as third:
            assert third is first
    assert factory.closed == [True]
    async with clients.lease() as fresh:
        assert fresh is not first
        assert factory.closed == [True, False]
    assert factory.closed == [True, True]


async def test_whoever_leaves_first_the_client_closes_with_the_last() -> None:
    factory = Factory()
    clients = Clients(factory)
    early, late = clients.lease(), clients.lease()
    await early.__aenter__()
    await late.__aenter__()
    await early.__aexit__(None, None, None)
    assert factory.closed == [False]
    await late.__aexit__(None, None, None)
    assert factory.closed == [True]


async def test_a_client_is_closed_when_its_user_fails() -> None:
    factory = Factory()
    lease = Clients(factory).lease()
    await lease.__aenter__()
    assert not await lease.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert factory.closed == [True]


async def test_a_factory_that_fails_leaves_nothing_behind() -> None:
    factory, working = Factory(), False

    def sometimes() -> AsyncAnthropic:
        if not working:
            raise LookupError
        return factory()

    clients = Clients(sometimes)
    with pytest.raises(LookupError):
        await clients.lease().__aenter__()
    working = True
    async with clients.lease():
        assert len(factory.made) == 1
    assert factory.closed == [True]


def test_each_event_loop_has_a_client_of_its_own() -> None:
    factory, meeting = Factory(), threading.Barrier(3, timeout=10)
    clients = Clients(factory)
    leased: list[ApiClient] = []

    async def lease() -> None:
        async with clients.lease() as one:
            leased.append(one)
            await asyncio.to_thread(meeting.wait)

    threads = [threading.Thread(target=asyncio.run, args=(lease(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({id(one) for one in leased}) == 3
    assert factory.closed == [True] * 3


async def test_a_given_client_is_used_and_left_open_for_its_owner(scripted_messages: Serve) -> None:
    server = scripted_messages([says("one"), says("two")])
    given = server.client()
    agent = Agent("tester", "Test.", client=given)
    assert (await agent.run("go")).answer == "one"
    assert not given.is_closed()
    assert (await agent.run("go")).answer == "two"
    await given.close()


async def test_one_client_serves_many_runs_at_once(scripted_messages: Serve) -> None:
    meeting = Rendezvous(20)

    async def script(_request: RecordedRequest) -> Reply:
        await meeting.meet()
        return says("hello")

    server = scripted_messages(script)
    made: list[AsyncAnthropic] = []

    def counted() -> AsyncAnthropic:
        made.append(server.client())
        return made[-1]

    agent = Agent("tester", "Test.", client=counted)
    results = await asyncio.gather(*(agent.run("go") for _ in range(20)))
    assert [result.answer for result in results] == ["hello"] * 20
    assert [one.is_closed() for one in made] == [True]


def test_a_client_is_not_used_on_two_loops() -> None:
    clients = Clients(sdk_client(api_key="scripted"))

    async def use() -> None:
        async with clients.lease():
            pass

    asyncio.run(use())
    with pytest.raises(ConfigurationError, match="run in another event loop before, and a client belongs to the loop"):
        asyncio.run(use())


async def test_a_function_that_returns_a_client_that_was_closed_is_told_to_make_a_new_one(
    scripted_messages: Serve,
) -> None:
    shared = scripted_messages([says("one"), says("two")]).client()
    agent = Agent("a", "Answer.", client=lambda: shared)
    assert (await agent.run("go")).answer == "one"
    with pytest.raises(ConfigurationError, match=r"The client is closed.*make a new one each time"):
        await agent.run("go")
