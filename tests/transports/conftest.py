"""One scripted model and one server for each transport, shared by all tests of the surface."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from mcp import Client

from agentloop.testing import ScriptedMessages
from tests.surface import MODES, TRANSPORTS, Held, Served, scripted_env, serving
from tests.transports import tables
from tests.transports.scripted import answer

PUBLISH = ("--calculator", "--publish", "tests.transports.published:agents")


@pytest.fixture(scope="session")
def model() -> Iterator[ScriptedMessages]:
    with ScriptedMessages(answer) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(model: ScriptedMessages) -> AsyncIterator[Served]:
    async with Held(serving("streamable-http", *PUBLISH, env=scripted_env(model.url))) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sse(model: ScriptedMessages) -> AsyncIterator[Served]:
    async with Held(serving("sse", *PUBLISH, env=scripted_env(model.url))) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(model: ScriptedMessages, http: Served, sse: Served) -> AsyncIterator[dict[tuple[str, str], Client]]:
    """A connected client for each transport and era; on stdio each has a server of its own."""
    env = scripted_env(model.url)
    async with (
        Held(serving("stdio", *PUBLISH, env=env)) as modern,
        Held(serving("stdio", *PUBLISH, env=env)) as legacy,
        Held(modern.client("auto")) as stdio_auto,
        Held(legacy.client("legacy")) as stdio_legacy,
        Held(http.client("auto")) as http_auto,
        Held(http.client("legacy")) as http_legacy,
        Held(sse.client("auto")) as sse_auto,
        Held(sse.client("legacy")) as sse_legacy,
    ):
        yield {
            ("stdio", "auto"): stdio_auto,
            ("stdio", "legacy"): stdio_legacy,
            ("streamable-http", "auto"): http_auto,
            ("streamable-http", "legacy"): http_legacy,
            ("sse", "auto"): sse_auto,
            ("sse", "legacy"): sse_legacy,
        }


@pytest.fixture(params=[(t, m) for t in TRANSPORTS for m in MODES], ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A transport and an era."""
    way: tuple[str, str] = request.param
    return way


@pytest.fixture
def client(way: tuple[str, str], clients: dict[tuple[str, str], Client]) -> Client:
    return clients[way]


def pytest_sessionfinish() -> None:
    tables.write()
