"""Serving a publication over stdio or HTTP.

The SDK's own serving loops are not used: a signal cannot end the one for stdio while its thread reads stdin, and the
one for HTTP waits for open streams without a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel import Server
from mcp.types import ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResult

from agentloop import Agent, ConfigurationError, Tool
from agentloop.imports import lazy
from agentloop.mcp.server.get_run import get_run_tool
from agentloop.mcp.server.publication import DEFAULTS, Context, Publication, ServerOptions
from agentloop.mcp.server.standard_streams import serve_stdio
from agentloop.mcp.server.timeline_app import EXTENSIONS, list_resources, read_resource
from agentloop.signals import on_signals

if TYPE_CHECKING:
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server import web
    from agentloop.mcp.server.durable_calls import DurableCalls
    from agentloop.mcp.server.web import Address
else:
    web = lazy("agentloop.mcp.server.web")


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server declares to its clients. Clients may pass `instructions` to their model."""

    name: str = "agentloop"
    title: str | None = None
    version: str = "0"
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Durable:
    """Keep the runs of `agents` in `store`, which is `sqlite:PATH` or a `postgresql://` URL.

    A call is answered within `respond_within` seconds: by the answer, or by the id of the run for the tool `get_run`.
    """

    store: str
    agents: Sequence[Agent]
    respond_within: float | None = None
    sharing: Sharing | None = None


def build_server(publication: Publication, info: ServerInfo = ServerInfo()) -> Server[Any]:
    """An MCP server for any transport. It speaks all revisions the SDK knows."""

    async def list_limited(context: Context, page: PaginatedRequestParams | None) -> ListResourcesResult:
        await publication.admit_read(context)
        return await list_resources(context, page)

    async def read_limited(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        await publication.admit_read(context)
        return await read_resource(context, params)

    server: Server[Any] = Server(
        info.name,
        title=info.title,
        version=info.version,
        instructions=info.instructions,
        # Without it the SDK lists all tools for each call over HTTP, which takes a third of the call's time.
        get_tool_input_schema=publication.input_schema,
        on_list_tools=publication.list_tools,
        on_call_tool=publication.call_tool,
        on_list_resources=list_limited,
        on_read_resource=read_limited,
    )
    server.extensions.update(EXTENSIONS)
    return server


async def serve(
    tools: Sequence[Tool],
    agents: Sequence[Agent] = (),
    *,
    info: ServerInfo = ServerInfo(),
    options: ServerOptions = DEFAULTS,
    address: Address | None = None,
    announce: Callable[[str], None] = lambda _url: None,
    durable: Durable | None = None,
) -> None:
    """Publish tools and agents until the process receives SIGTERM or SIGINT or, without an `address`, stdin ends.

    Without an `address` the transport is stdio. With one, `announce` is called with the URL once the port is bound. At
    the end running calls are cancelled; `durable` runs are continued by the next process with the same store.

    Raises:
        ConfigurationError: a name is published twice, or the store cannot be used.
        OSError: the address cannot be listened on.
    """
    async with _keeping(durable, options) as durable_runner:
        more = [] if durable is None or durable.respond_within is None else [get_run_tool(durable.respond_within)]
        published = [*tools, *(agent.as_tool() for agent in agents)]
        if more and durable_runner is not None:  # "not yet" fits no output schema
            published = [_unpromised(tool) if durable_runner.keeps(tool.name) else tool for tool in published]
        publication = Publication([*published, *more], options=options, durable_runner=durable_runner)
        stopping = (lambda: None) if durable_runner is None else durable_runner.stopping
        server = build_server(publication, info)
        if durable_runner is not None:
            from agentloop.mcp.server.tasks import Tasks  # noqa: PLC0415 - see `_keeping`

            Tasks(durable_runner).install(server, publication)
        if address is not None:
            sessions = options.calls_per_minute
            await web.serve_web(server, address, announce, stopping=stopping, sessions_per_minute=sessions)
        else:
            await serve_stdio(server, stopping)


def _unpromised(tool: Tool) -> Tool:
    return replace(tool, spec=replace(tool.spec, output_schema=None))


async def work(durable: Durable, announce: Callable[[], None], *, options: ServerOptions = DEFAULTS) -> None:
    """Execute the runs in the queue of a PostgreSQL store until the process receives SIGTERM or SIGINT.

    `announce` is called once the worker is ready. At most `max_agents` runs are under way here; other workers take over
    those that have not ended when this one does.

    Raises:
        ConfigurationError: the store cannot be used, or is not shared.
    """
    stop = asyncio.Event()
    on_signals(stop.set)
    async with _keeping(durable, options):
        announce()
        await stop.wait()


@asynccontextmanager
async def _keeping(durable: Durable | None, options: ServerOptions) -> AsyncIterator[DurableCalls | None]:
    if durable is None:
        yield None
        return
    try:
        from agentloop.durable.engine import Engine  # noqa: PLC0415 - the engine is loaded only when asked for
        from agentloop.durable.store import Store  # noqa: PLC0415
        from agentloop.mcp.server.durable_calls import DurableCalls  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"--durable needs the extra 'durable', which is not installed ({error}).") from None
    store = Store.named(durable.store)
    if durable.sharing is not None and not store.is_shared:
        raise ConfigurationError("Only a PostgreSQL store is shared: workers and --queue options need one.")
    async with Engine(
        store, durable.agents, running=options.max_agents, sharing=durable.sharing, trace=options.trace
    ) as engine:
        yield DurableCalls(engine, durable.respond_within)
