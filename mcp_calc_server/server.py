"""Serving a publication over MCP: on stdin and stdout, or over HTTP.

The serving loop is our own: the SDK's cannot be ended by a signal while its thread reads stdin, and over HTTP it waits
for open streams without bound.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from agentloop import Agent, Tool
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Observer, ignore
from agentloop.imports import lazy
from agentloop.observers import export
from mcp_calc_server.admission import CALLS_PER_MINUTE, MAX_AGENTS
from mcp_calc_server.pipes import standard_pipes
from mcp_calc_server.publication import Publication
from mcp_calc_server.timeline_app import EXTENSIONS, list_resources, read_resource

if TYPE_CHECKING:
    from mcp_calc_server import web
    from mcp_calc_server.web import Address
else:
    web = lazy("mcp_calc_server.web")

STOP_GRACE = 1.0
"""Seconds calls have to end after a signal. Clients kill a server 2 s after asking it to stop."""
LAST_SPANS = 0.5
"""Seconds the last spans have to go out after a signal."""

NAME = "mcp-calc-server"


def build_server(publication: Publication) -> Server[Any]:
    """An MCP server for any transport. It speaks all revisions the SDK knows."""
    server: Server[Any] = Server(
        NAME,
        title="Calculator",
        version=version(NAME),
        on_list_tools=publication.list_tools,
        on_call_tool=publication.call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )
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
    trace: Observer = ignore,
) -> None:
    """Publish tools and agents until SIGTERM or SIGINT comes or, on stdin and stdout, stdin ends.

    Without an `address` it is stdin and stdout. With one, `announce` is called with the URL once the port is bound. At
    most `max_agents` agent calls run at once, and a client may make `calls_per_minute`. At the end running calls are
    cancelled. `trace` is the `CallContext.trace` of every call.

    Raises:
        ConfigurationError: a name is published twice.
        OSError: the address cannot be listened on.
    """
    publication = Publication(tools, agents, max_agents=max_agents, calls_per_minute=calls_per_minute, trace=trace)
    server = build_server(publication)
    if address is not None:
        await web.serve_web(server, address, announce)
    else:
        await _until_signalled(_serve_stdio(server))


async def _until_signalled(serving: Coroutine[Any, Any, None]) -> None:
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
    task.cancel()
    await asyncio.wait({task}, timeout=STOP_GRACE)
    export.finish(LAST_SPANS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serve_stdio(server: Server[Any]) -> None:
    try:
        async with standard_pipes() as pipes, stdio_server(*pipes) as (reading, writing):
            try:
                await server.run(reading, writing, server.create_initialization_options())
            finally:
                # What tools printed goes to stderr only as long as the SDK has the standard streams diverted.
                sys.stdout.flush()
    except* BrokenPipeError:
        pass  # the client is gone, and nobody is left to tell
