"""Agents and tools over the Model Context Protocol: `serve` publishes them, `connect` uses those of servers.

Only the packages below this one import `mcp`. What is exported here is imported when it is first used, so that a client
does not load the server and the other way round.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentloop.mcp.client.config import ServerEntry
    from agentloop.mcp.client.servers import Servers, connect
    from agentloop.mcp.server.access import OAuth
    from agentloop.mcp.server.program import serve
    from agentloop.mcp.server.prompts import Prompt
    from agentloop.mcp.server.resources import Resource

__all__ = ["OAuth", "Prompt", "Resource", "ServerEntry", "Servers", "connect", "serve"]

_PLACES = {
    "OAuth": "agentloop.mcp.server.access",
    "Prompt": "agentloop.mcp.server.prompts",
    "Resource": "agentloop.mcp.server.resources",
    "ServerEntry": "agentloop.mcp.client.config",
    "Servers": "agentloop.mcp.client.servers",
    "connect": "agentloop.mcp.client.servers",
    "serve": "agentloop.mcp.server.program",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
