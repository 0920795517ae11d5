"""Serving a publication over stdio or HTTP.

The SDK's own serving loops are not used: a signal cannot end the one for stdio while its thread reads stdin, and the
one for HTTP waits for open streams without a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel import Server

from agentloop import Agent, ConfigurationError, Tool
from agentloop.delegation_context import AGENT, KEEPS_RUNS, WITHDRAW
from agentloop.exact_json import is_encodable
from agentloop.loading import stdout_on_stderr
from agentloop.mcp.server.offered import Offered
from agentloop.mcp.server.prompts import Prompt
from agentloop.mcp.server.publication import DEFAULTS, Publication, ServerOptions
from agentloop.mcp.server.questions import WithdrawParams, running_calls, sealed_state, withdraw
from agentloop.mcp.server.resources import Resource
from agentloop.mcp.server.standard_streams import serve_stdio
from agentloop.mcp.server.tasks import MemoryRuns, Tasks
from agentloop.mcp.server.timeline_app import EXTENSIONS
from agentloop.narration import LINE, clip
from agentloop.signals import on_signals

if TYPE_CHECKING:
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server.durable_calls import DurableCalls
    from agentloop.mcp.server.web import Address

Lifespan = Callable[[], AbstractAsyncContextManager[Sequence[Agent | Tool] | None]]
"""Makes a block that is entered before serving and left at the end. What it yields is published too."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server declares to its clients. Clients may pass `instructions` to their model."""

    name: str = "agentloop"
    title: str | None = None
    version: str = "0"
    instructions: str | None = None

    def __post_init__(self) -> None:
        """Raises `ConfigurationError`: the name cannot be used, or a text is not UTF-8, as on a command line."""
        if not self.name.strip() or not self.name.isprintable():
            raise ConfigurationError(f"The name of the server is {clip(self.name, LINE)!r}: use printable characters.")
        for each in fields(self):
            text = getattr(self, each.name) or ""
            if not is_encodable(text):
                raise ConfigurationError(f"The {each.name} of the server is not UTF-8 text: {clip(text, LINE)}.")


@dataclass(frozen=True, slots=True)
class Durable:
    """Store the runs of `agents` in `store`, which is `sqlite:PATH` or a `postgresql://` URL.

    A call is answered within `respond_within` seconds: by the answer, or by the id of the run for the tool `get_run`.
    """

    store: str
    agents: Sequence[Agent]
    respond_within: float | None = None
    sharing: Sharing | None = None


def build_server(
    publication: Publication,
    info: ServerInfo = ServerInfo(),
    *,
    prompts: Sequence[Prompt] = (),
    resources: Sequence[Resource] = (),
) -> Server[Any]:
    """An MCP server for any transport. It speaks all revisions the SDK knows."""
    server: Server[Any] = Server(
        info.name,
        title=info.title,
        version=info.version,
        instructions=info.instructions,
        # Without it the SDK lists all tools for each call over HTTP, which takes a third of the call's time.
        get_tool_input_schema=publication.input_schema,
        on_list_tools=publication.list_tools,
        on_call_tool=publication.call_tool,
        lifespan=running_calls,
        **Offered(publication, prompts, resources).handlers(),
    )
    server.extensions.update(EXTENSIONS)
    server.middleware.append(sealed_state(info.name))
    server.add_request_handler(WITHDRAW, WithdrawParams, withdraw)
    return server


async def serve(
    published: Sequence[Agent | Tool],
    *,
    info: ServerInfo = ServerInfo(),
    options: ServerOptions = DEFAULTS,
    address: Address | None = None,
    announce: Callable[[str], None] = lambda _url: None,
    durable: Durable | None = None,
    lifespan: Lifespan | None = None,
    prompts: Sequence[Prompt] = (),
    resources: Sequence[Resource] = (),
) -> None:
    """Publish until the process receives SIGTERM or SIGINT or, on stdio, stdin ends.

    Without an `address` the transport is stdio. `announce` is called with the URL once the port is bound, or on stdio
    with "stdin" once signals are handled, if that is a terminal. At the end running calls are cancelled; `durable` runs
    are continued by the next process with the same store.

    Raises:
        ConfigurationError: a name is published twice, or the store cannot be used.
        OSError: the address cannot be listened on.
    """
    async with AsyncExitStack() as stack:
        entered = await stack.enter_async_context(_entered(lifespan))
        tools = [each.as_tool() if isinstance(each, Agent) else each for each in (*published, *entered)]
        async with _durable_calls(durable, entered, options) as durable_calls:
            tools = tools if durable_calls is None else durable_calls.published(tools)
            if address is not None:
                address.access.scopes.check_tools([tool.name for tool in tools])
            publication = Publication(tools, options=options, durable_runner=durable_calls)
            server = build_server(publication, info, prompts=prompts, resources=resources)
            stopping = (lambda: None) if durable_calls is None else durable_calls.stopping
            if durable_calls is not None:
                server.extensions[AGENT] = {KEEPS_RUNS: True}
            async with MemoryRuns(publication.run) as in_memory:
                Tasks(durable_calls or in_memory).install(server, publication)
                if address is None:
                    await serve_stdio(server, announce, stopping, stack.aclose)
                else:
                    from agentloop.mcp.server.web import serve_web  # noqa: PLC0415 - only for HTTP

                    sessions = options.calls_per_minute
                    await serve_web(server, address, announce, stopping=stopping, sessions_per_minute=sessions)


@asynccontextmanager
async def _entered(lifespan: Lifespan | None) -> AsyncIterator[Sequence[Agent | Tool]]:
    """The block of the lifespan. What it prints on entering and leaving goes to stderr: stdout is for the protocol."""
    async with AsyncExitStack() as stack:
        with stdout_on_stderr():
            value = None if lifespan is None else await stack.enter_async_context(lifespan())
        try:
            yield value or ()
        finally:
            with stdout_on_stderr():
                await stack.aclose()


async def work(
    durable: Durable,
    announce: Callable[[], None],
    *,
    options: ServerOptions = DEFAULTS,
    lifespan: Lifespan | None = None,
) -> None:
    """Execute the runs in the queue of a PostgreSQL store until the process receives SIGTERM or SIGINT.

    `announce` is called once the worker is ready. At most `max_agents` runs are under way here; other workers take over
    those that have not ended when this one does.

    Raises:
        ConfigurationError: the store cannot be used, or is not shared.
    """
    stop = asyncio.Event()
    on_signals(stop.set)
    async with _entered(lifespan) as entered, _durable_calls(durable, entered, options):
        announce()
        await stop.wait()


@asynccontextmanager
async def _durable_calls(
    durable: Durable | None, entered: Sequence[Agent | Tool], options: ServerOptions
) -> AsyncIterator[DurableCalls | None]:
    """The engine for the runs of the agents, those that the lifespan yielded among them."""
    if durable is None:
        yield None
        return
    try:
        from agentloop.durable.engine import Engine  # noqa: PLC0415 - the engine is loaded only when asked for
        from agentloop.durable.store import Store  # noqa: PLC0415
        from agentloop.mcp.server.durable_calls import DurableCalls  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"Durable runs need the extra 'durable', which is not installed ({error}).") from None
    store = Store.named(durable.store)
    if durable.sharing is not None and not store.is_shared:
        raise ConfigurationError("Only a PostgreSQL store is shared: workers and --queue options need one.")
    agents = [*durable.agents, *(each for each in entered if isinstance(each, Agent))]
    running, trace = options.max_agents, options.trace
    async with Engine(store, agents, running=running, sharing=durable.sharing, trace=trace) as engine:
        yield DurableCalls(engine, durable.respond_within)
