"""`mcp-calc-server`, writing the protocol revision of each call to the file that is its first argument."""

import sys
from pathlib import Path

from mcp import types

from agentloop.mcp.server.publication import Context, Publication, Result
from mcp_calc_server.cli import main

record = Path(sys.argv.pop(1))
call_tool = Publication.call_tool


def note(revision: str) -> None:
    with record.open("a", encoding="utf-8") as file:
        file.write(f"{revision}\n")


async def recorded(self: Publication, context: Context, params: types.CallToolRequestParams) -> Result:
    note(context.protocol_version)
    return await call_tool(self, context, params)


# There is no other way to learn this of clients that do not tell.
Publication.call_tool = recorded  # type: ignore[method-assign]
main()
