"""Connections to `raw_server.py`, and calls of its tools as an agent makes them."""

import json
import sys
from pathlib import Path
from typing import Any, TextIO

from agentloop import Agent, CallContext, Limits, ToolOutput
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools, with_fallbacks

RAW_SERVER = Path(__file__).with_name("raw_server.py")
OBJECT = {"type": "object"}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": OBJECT, **more}


def raw(
    *names: str,
    name: str = "raw",
    entry: dict[str, Any] | None = None,
    log: TextIO = sys.stderr,
    folder: Path | None = None,
    **wish: Any,
) -> Connection:
    """A server with tools of these names. `wish` is what `raw_server.py` reads; `entry` is added to the entry."""
    if names:
        wish["tools"] = [tool(each) for each in names]
    text = json.dumps(wish)
    if folder is not None:  # for what is too long for a command line
        (folder / "wish.json").write_text(text)
        text = f"@{folder / 'wish.json'}"
    command = {"command": sys.executable, "args": [str(RAW_SERVER), text]}
    made = ServerEntry.model_validate(command | (entry or {}))
    return Connection(name, made, connect_timeout=30, server_log=log)


def agent_with(*connections: Connection) -> Agent:
    tools = remote_tools(connections, lambda _text: None, allow=["*"])
    return Agent("caller", "Call.", with_fallbacks(tools, [], lambda _text: None, Limits()))


async def call(connection: Connection, name: str, lines: list[str] | None = None, **arguments: Any) -> ToolOutput:
    context = CallContext(progress=(lines if lines is not None else []).append)
    return await agent_with(connection).call_tool(name, arguments, context=context)
