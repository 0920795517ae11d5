"""Where an agent's SDK clients come from, and that they are closed."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from anthropic import AsyncAnthropic

from agentloop import Agent
from agentloop.model import Clients
from agentloop.testing import Rendezvous, Reply, Request, ScriptedMessages, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]


def client() -> AsyncAnthropic:
    return AsyncAnthropic(api_key="scripted")


async def test_one_loop_has_one_client_as_long_as_anybody_needs_it() -> None:
    clients = Clients(client)
    async with clients.lease() as first:
        async with clients.lease() as second:
            assert second is first
        assert not first.is_closed()
        async with clients.lease() as third:
            assert third is first
    assert first.is_closed()
    async with clients.lease() as fresh:
        assert fresh is not first
    assert fresh.is_closed()


async def test_whoever_leaves_first_the_client_closes_with_the_last() -> None:
    clients = Clients(client)
    early, late = clients.lease(), clients.lease()
    one = await early.__aenter__()
    await late.__aenter__()
    await early.__aexit__(None, None, None)
    assert not one.is_closed()
    await late.__aexit__(None, None, None)
    assert one.is_closed()


async def test_a_client_is_closed_when_its_user_fails() -> None:
    lease = Clients(client).lease()
    one = await lease.__aenter__()
    assert not await lease.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert one.is_closed()


async def test_a_factory_that_fails_leaves_nothing_behind() -> None:
    working = False

    def sometimes() -> AsyncAnthropic:
        if not working:
            raise LookupError
        return client()

    clients = Clients(sometimes)
    with pytest.raises(LookupError):
        await clients.lease().__aenter__()
    working = True
    async with clients.lease() as one:
        assert isinstance(one, AsyncAnthropic)
    assert one.is_closed()


def test_each_event_loop_has_a_client_of_its_own() -> None:
    clients, meeting = Clients(client), threading.Barrier(3, timeout=10)
    leased: list[AsyncAnthropic] = []

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
    assert all(one.is_closed() for one in leased)


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

    async def script(_request: Request) -> Reply:
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
