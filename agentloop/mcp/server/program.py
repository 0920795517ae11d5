"""`serve`: a program that publishes agents and tools over MCP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from agentloop import Agent, ConfigurationError, Tool, logs
from agentloop.limits import is_amount
from agentloop.loading import load_attribute
from agentloop.mcp.server import serving
from agentloop.mcp.server.prompts import Prompt
from agentloop.mcp.server.resources import Resource
from agentloop.mcp.server.serving import Durable, Lifespan, ServerInfo

if TYPE_CHECKING:
    from agentloop.mcp.server.access import OAuth
    from agentloop.mcp.server.web import Address

Transport = Literal["stdio", "http", "sse"]
PATHS = {"http": "/mcp", "sse": "/sse"}
"""The default path of the URL for a transport."""
WAITING = "waiting for an MCP client on stdin; Ctrl-C ends it"
PORTS = range(65_536)


def serve(
    *published: Agent | Tool | Sequence[Agent | Tool],
    transport: Transport = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    path: str | None = None,
    token: str | None = None,
    oauth: OAuth | None = None,
    allow_hosts: Sequence[str] = (),
    durable: str | None = None,
    respond_within: float | None = None,
    name: str | None = None,
    title: str | None = None,
    version: str = "0",
    instructions: str | None = None,
    lifespan: Lifespan | None = None,
    prompts: Sequence[Prompt] = (),
    resources: Sequence[Resource] = (),
) -> None:
    """Publish agents and tools over MCP until the client leaves (stdio), or SIGTERM or Ctrl-C ends the program.

    An agent becomes the tool `<its name>_agent`. Over `"http"` (streamable HTTP) or `"sse"` the URL is written to
    stderr; port 0 takes a free one. An address that other machines can reach needs a `token`, which clients send as a
    bearer token, or `oauth`, the authorization server that issues the tokens. `allow_hosts` are names besides `host`
    that clients use for the server.

    `durable` is a store, `sqlite:PATH` or a `postgresql://` URL (extra `durable`): calls of agents that were under way
    go on in the next process with the same store. A call that takes longer than `respond_within` seconds returns the id
    of its run, for the tool `get_run`.

    Clients see `name`, `title`, `version` and `instructions`, which they may show to their model; without a `name` the
    server is called as the one agent or tool that it publishes, or "agents". `prompts` and `resources` are for the
    client's user: see `Prompt` and `Resource`. In another thread than the main one signals end nothing: a daemon thread
    serves over HTTP until the program ends.

    `lifespan` is a function without arguments that returns an async context manager: it is entered before serving, and
    the agents and tools that it yields are published too. So an agent can use what has to be opened first:

    Example:
        @asynccontextmanager
        async def lifespan():
            async with connect("uvx mcp-server-git") as servers:
                yield [Agent("historian", "Answer from the log.", tools=servers.only("git_log"))]

        if __name__ == "__main__":
            serve(writer, lifespan=lifespan)  # stdio; serve(writer, transport="http", port=8000)

    Raises:
        ConfigurationError: nothing is published, a name is published twice, or anybody could call the agents.
        OSError: the address cannot be listened on.
    """
    _refuse_async_code()
    items = _flat(published)
    if not items and lifespan is None:
        raise ConfigurationError("serve: there is nothing to publish. Give agents or tools, or a lifespan.")
    if respond_within is not None and durable is None:
        raise ConfigurationError("serve: respond_within needs durable: the run has to be stored.")
    if respond_within is not None and not is_amount(respond_within):
        raise ConfigurationError(f"serve: respond_within is {respond_within!r}: give seconds above 0.")
    if transport == "stdio" and (token or oauth):
        raise ConfigurationError(
            'serve: token and oauth are for transport="http": stdio serves the program that starts it.'
        )
    if isinstance(allow_hosts, str):
        raise ConfigurationError(f"serve: allow_hosts is the text {allow_hosts!r}: give a list of names.")
    address = None
    if transport != "stdio":
        from agentloop.mcp.server.access import access_for  # noqa: PLC0415 - only for HTTP

        access = access_for(host, token=token, oauth=oauth)
        address = _address(transport, path, host=host, port=port, names=tuple(allow_hosts), access=access)
    agents = [each for each in items if isinstance(each, Agent)]
    store = None if durable is None else Durable(durable, agents, respond_within)
    logs.configure()
    try:
        asyncio.run(
            serving.serve(
                items,
                info=ServerInfo(name or default_name([each.name for each in items]), title, version, instructions),
                address=address,
                durable=store,
                announce=lambda url: _say(WAITING if address is None else f"listening at {url}"),
                lifespan=lifespan,
                prompts=prompts,
                resources=resources,
            )
        )
    except KeyboardInterrupt:
        sys.exit(130)


def _refuse_async_code() -> None:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise ConfigurationError("serve was called from async code, which it would block: give it a thread of its own.")


def default_name(published: Sequence[str]) -> str:
    """What a server is called that publishes agents and tools of these names."""
    return published[0] if len(published) == 1 else "agents"


def _flat(published: Iterable[Agent | Tool | Sequence[Agent | Tool]]) -> list[Agent | Tool]:
    items: list[Any] = []
    for each in published:
        items += _flat(each) if isinstance(each, list | tuple) else [each]
    for each in items:
        if not isinstance(each, Agent | Tool):
            raise ConfigurationError(f"serve: an agent or a tool is needed, not {each!r}. Is the function a @tool?")
    return items


def find_published(name: str) -> list[Agent | Tool]:
    """The agent or tool, or the list of them, at `module:attribute`. Modules may be in the current directory.

    Raises:
        ConfigurationError: there is no such module or attribute, or it is something else.
    """
    try:
        value = load_attribute(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"--publish {name}: {error}") from error
    found = value if isinstance(value, list | tuple) else [value]
    if found and all(isinstance(each, Agent | Tool) for each in found):
        return list(found)
    hint = " Make it a tool with @tool." if callable(value) else ""
    kind = type(value).__name__
    raise ConfigurationError(f"--publish {name} is of type {kind}, not an Agent, a Tool or a list of them.{hint}")


def _address(transport: Literal["http", "sse"], path: str | None, **where: Any) -> Address:
    from agentloop.mcp.server.web import Address  # noqa: PLC0415 - only for HTTP

    if transport not in PATHS:
        raise ConfigurationError(f"serve: transport is stdio, http or sse, not {transport!r}.")
    if where["port"] not in PORTS:
        raise ConfigurationError(f"serve: port is {where['port']!r}: give a number from 0, for a free one, to 65535.")
    path = path or PATHS[transport]
    if not path.startswith("/"):
        raise ConfigurationError(f"serve: path is {path!r}: a path begins with a slash.")
    return Address("streamable-http" if transport == "http" else "sse", path=path, **where)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
