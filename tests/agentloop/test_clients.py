"""Where an agent's SDK clients come from, and that they are closed."""

import asyncio
import threading
from collections.abc import Callable

import httpx2
import pytest
from anthropic import AsyncAnthropic

from agentloop import Agent, ModelError
from agentloop.model import Clients
from agentloop.testing import Rendezvous, Reply, Request, ScriptedMessages, fails, says
from agentloop.testing.server import Script
from agentloop.wire import Wire

Serve = Callable[[Script], ScriptedMessages]


class Factory:
    """Makes plain clients, or with `http` clients with an HTTP client of their owner's, and keeps them."""

    def __init__(self, *, http: bool = False) -> None:
        self.made: list[AsyncAnthropic] = []
        self._http = http

    def __call__(self) -> AsyncAnthropic:
        http = (
            httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(500))) if self._http else None
        )
        self.made.append(AsyncAnthropic(api_key="scripted", http_client=http))
        return self.made[-1]

    @property
    def closed(self) -> list[bool]:
        return [one.is_closed() for one in self.made]


async def test_a_client_that_is_not_plain_serves_one_loop_as_long_as_anybody_needs_it() -> None:
    factory = Factory(http=True)
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


async def test_a_plain_client_is_asked_once_and_its_wire_lives_as_long_as_anybody_needs_it() -> None:
    factory = Factory()
    clients = Clients(factory)
    async with clients.lease() as first, clients.lease() as second:
        assert second is first
    async with clients.lease() as fresh:
        assert fresh is not first
    assert factory.closed == [True]


async def test_a_plain_client_is_made_again_when_its_credentials_are_refused(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(401, "authentication_error"), says("hello"), says("hello again")])
    made: list[AsyncAnthropic] = []

    def counted() -> AsyncAnthropic:
        made.append(server.client())
        return made[-1]

    agent = Agent("tester", "Test.", client=counted)
    with pytest.raises(ModelError, match="401"):
        await agent.run("go")
    assert [(await agent.run("go")).answer, (await agent.run("go")).answer] == ["hello", "hello again"]
    assert [one.is_closed() for one in made] == [True, True]


async def test_whoever_leaves_first_the_client_closes_with_the_last() -> None:
    factory = Factory(http=True)
    clients = Clients(factory)
    early, late = clients.lease(), clients.lease()
    await early.__aenter__()
    await late.__aenter__()
    await early.__aexit__(None, None, None)
    assert factory.closed == [False]
    await late.__aexit__(None, None, None)
    assert factory.closed == [True]


@pytest.mark.parametrize("http", [False, True], ids=["plain", "own_http_client"])
async def test_a_client_is_closed_when_its_user_fails(*, http: bool) -> None:
    factory = Factory(http=http)
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


@pytest.mark.parametrize(("http", "made"), [(False, 1), (True, 3)], ids=["plain", "own_http_client"])
def test_each_event_loop_has_connections_of_its_own_and_plain_clients_are_made_once(*, http: bool, made: int) -> None:
    factory, meeting = Factory(http=http), threading.Barrier(3, timeout=10)
    clients = Clients(factory)
    leased: list[Wire] = []

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
    assert factory.closed == [True] * made


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
