"""Serving a publication over MCP: on stdin and stdout, or over HTTP.

The serving loop is our own: the SDK's cannot be ended by a signal while its thread reads stdin, and over HTTP it waits
for open streams without bound.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from anyio import ClosedResourceError, EndOfStream
from mcp.server.lowlevel import Server
from mcp.shared._stream_protocols import ReadStream
from mcp.shared.message import SessionMessage
from mcp.types import NotificationParams

from agentloop import Agent, ConfigurationError, Tool
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Observer, ignore
from agentloop.handover import SOON
from agentloop.imports import lazy
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS
from agentloop.mcp.server.later import get_run_tool
from agentloop.mcp.server.pipes import Messages, standard_streams
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.timeline_app import EXTENSIONS, list_resources, read_resource
from agentloop.observers import export

if TYPE_CHECKING:
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server import web
    from agentloop.mcp.server.kept import KeptRuns
    from agentloop.mcp.server.web import Address
else:
    web = lazy("agentloop.mcp.server.web")

STOP_GRACE = 1.0
"""Seconds calls have to end after a signal. Clients kill a server 2 s after asking it to stop."""
LAST_SPANS = 0.5
"""Seconds the last spans have to go out after a signal."""

NAME = "mcp-calc-server"


@dataclass(frozen=True, slots=True)
class Durable:
    """Keep the runs of `agents` in `store`, which is `sqlite:PATH` or a `postgresql://` URL.

    A call is answered `within` so many seconds: with the answer, or with a run's id, for which `get_run` has it later.
    """

    store: str
    agents: Sequence[Agent]
    within: float | None = None
    sharing: Sharing | None = None


def build_server(publication: Publication) -> Server[Any]:
    """An MCP server for any transport. It speaks all revisions the SDK knows."""
    server: Server[Any] = Server(
        NAME,
        title="Calculator",
        version=version(NAME),
        # Without it the SDK lists all tools for each call over HTTP and looks through the schema, a third of the call.
        get_tool_input_schema=publication.input_schema,
        on_list_tools=publication.list_tools,
        on_call_tool=publication.call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )
    server.add_notification_handler(SOON, NotificationParams, publication.get_ready)
    server.extensions.update(EXTENSIONS)
    return server


async def serve(
    tools: Sequence[Tool],
    agents: Sequence[Agent] = (),
    *,
    address: Address | None = None,
    announce: Callable[[str], None] = lambda _url: None,
    max_agents: int = MAX_AGENTS,
    calls_per_minute: int = CALLS_PER_MINUTE,
    durable: Durable | None = None,
    trace: Observer = ignore,
) -> None:
    """Publish tools and agents until SIGTERM or SIGINT comes or, on stdin and stdout, stdin ends.

    Without an `address` it is stdin and stdout. With one, `announce` is called with the URL once the port is bound. At
    most `max_agents` agent calls run at once, and a client may make `calls_per_minute`. At the end running calls are
    cancelled; runs that are `durable` are left to the next process with the same store. `trace` is the
    `CallContext.trace` of every call.

    Raises:
        ConfigurationError: a name is published twice, or the store cannot be used.
        OSError: the address cannot be listened on.
    """
    async with _keeping(durable, max_agents, trace) as keeper:
        more = [] if durable is None or durable.within is None else [get_run_tool(durable.within)]
        publication = Publication(
            [*tools, *more],
            agents,
            max_agents=max_agents,
            calls_per_minute=calls_per_minute,
            keeper=keeper,
            trace=trace,
        )
        stopping = (lambda: None) if keeper is None else keeper.stopping
        server = build_server(publication)
        if keeper is not None:
            _offer_tasks(server, publication, keeper)
        if address is not None:
            await web.serve_web(server, address, announce, is_brief=publication.is_brief, stopping=stopping)
        else:
            await _until_signalled(_serve_stdio(server, stopping), stopping)


async def work(
    durable: Durable, announce: Callable[[], None], *, max_agents: int = MAX_AGENTS, trace: Observer = ignore
) -> None:
    """Work off the queue of a PostgreSQL store until SIGTERM or SIGINT comes. `announce` is called once it works.

    At most `max_agents` runs are under way here. Those that are at the end are taken over by other workers.

    Raises:
        ConfigurationError: the store cannot be used, or is not shared.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _keeping(durable, max_agents, trace):
        announce()
        await stop.wait()


@asynccontextmanager
async def _keeping(durable: Durable | None, max_agents: int, trace: Observer) -> AsyncIterator[KeptRuns | None]:
    if durable is None:
        yield None
        return
    try:
        from agentloop.durable.engine import Engine  # noqa: PLC0415 - the engine is loaded only when asked for
        from agentloop.durable.store import Store  # noqa: PLC0415
        from agentloop.mcp.server.kept import KeptRuns  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"--durable needs the extra 'durable', which is not installed ({error}).") from None
    store = Store.named(durable.store)
    if durable.sharing is not None and not store.is_shared:
        raise ConfigurationError("Only a PostgreSQL store is shared: workers and --queue options need one.")
    async with Engine(store, durable.agents, running=max_agents, sharing=durable.sharing, trace=trace) as engine:
        yield KeptRuns(engine, durable.within)


def _offer_tasks(server: Server[Any], publication: Publication, keeper: KeptRuns) -> None:
    from agentloop.mcp.server.tasks import Tasks  # noqa: PLC0415 - see `_keeping`

    Tasks(keeper).install(server, publication)


async def _until_signalled(serving: Coroutine[Any, Any, None], on_signal: Callable[[], None]) -> None:
    """Wait for `serving`. On a signal cancel it and leave the process: nothing else ends the thread at stdin."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    task = asyncio.create_task(serving, name="stdio")
    stopping = asyncio.create_task(stop.wait(), name="signals")
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await cancel_and_wait([stopping])
    if task.done():
        task.result()
        return
    on_signal()
    task.cancel()
    await asyncio.wait({task}, timeout=STOP_GRACE)
    export.finish(LAST_SPANS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serve_stdio(server: Server[Any], stopping: Callable[[], None]) -> None:
    try:
        async with standard_streams() as (reading, writing):
            try:
                await server.run(_UntilEnd(reading, stopping), writing, server.create_initialization_options())
            finally:
                # What tools printed goes to stderr only as long as the standard streams are diverted.
                sys.stdout.flush()
    except* BrokenPipeError:
        pass  # the client is gone, and nobody is left to tell


class _UntilEnd(Messages):
    """What the client sends. Tells when it has ended, before the calls that are under way are cancelled for it."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended

    @property
    def last_context(self) -> Any:
        """For the SDK, which looks for it by name."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await self._stream.receive()
        except (EndOfStream, ClosedResourceError):
            self._ended()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
