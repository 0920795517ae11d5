"""The servers, their state, and the tools they offer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp.types import Tool as McpTool

from agentloop.command_line import EXIT_FAILED, print_result
from agentloop.delegation_context import AGENT
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.oauth_store import Login
from agentloop.mcp.client.server_log import server_log
from agentloop.mcp.client.servers import Servers
from agentloop.narration import clip
from orchestrator_client.answer import printable_json
from orchestrator_client.lines import say
from orchestrator_client.login import login_of, why_down

_WIDTH = 100
_SHORTEST = 30
_INDENT = 4
_DESCRIPTION = 500
_NAME = 64


async def list_tools(servers: Mapping[str, ServerEntry], connect_timeout: float, *, as_json: bool) -> int:
    """Connect to the servers, print what they offer, and return the exit status."""
    async with (
        server_log(say) as log,
        Servers(servers, connect_timeout=connect_timeout, server_log=log, login_of=login_of) as opened,
    ):
        connections = opened.connections
        if as_json:
            print_result(printable_json({"servers": listing_json(connections)}), wrap=False)
        else:
            print_listing(connections)
        return 0 if all(connection.is_up for connection in connections) else EXIT_FAILED


def print_listing(connections: Sequence[Connection]) -> None:
    """Write a line for each server, followed by its tools as it last listed them, to stdout."""
    for connection in connections:
        for line in _lines(connection):
            print_result(line, indent=_INDENT)


def _lines(connection: Connection) -> Iterator[str]:
    name = clip(connection.name, _NAME)
    if connection.is_up:
        trust = ", trusted" if connection.is_trusted else ""
        login = f", {clip(str(_login(connection)), 200)}" if _login(connection) else ""
        count = len(connection.tools)
        yield f"{name}: up, {count} {'tool' if count == 1 else 'tools'}{trust}{login}"
    else:
        yield f"{name}: down: {clip(why_down(connection), 300)}"
    widest = max((len(clip(tool.name, _NAME)) for tool in connection.tools), default=0)
    for reason in connection.catalog.left_out:
        yield f"  {reason}"
    for tool in connection.tools:
        start = f"  {clip(tool.name, _NAME):{widest}}  {'agent' if _is_agent(tool) else '':5}  "
        first_line = clip((tool.description or "").strip().partition("\n")[0], _DESCRIPTION)
        yield start + textwrap.shorten(first_line, max(_SHORTEST, _WIDTH - len(start)), placeholder=" …")


def listing_json(connections: Sequence[Connection]) -> dict[str, Any]:
    """`{name: {state, breaker, reconnects, trusted, login, tools: [{name, agent, description, inputSchema}]}}`."""
    return {
        connection.name: {
            **connection.to_json(),
            "trusted": connection.is_trusted,
            "login": _login_json(_login(connection)),
            "tools": [
                {
                    "name": tool.name,
                    "agent": _is_agent(tool),
                    "description": tool.description,
                    "inputSchema": tool.input_schema,
                }
                for tool in connection.tools
            ],
        }
        for connection in connections
    }


def _login(connection: Connection) -> Login | None:
    return None if connection.login is None else connection.login.login


def _login_json(login: Login | None) -> dict[str, Any] | None:
    if login is None or login.tokens is None:
        return None
    return {"issuer": login.issuer, "scope": login.tokens.scope, "expires_at": login.expires_at}


def _is_agent(tool: McpTool) -> bool:
    return (tool.meta or {}).get(AGENT) is True
