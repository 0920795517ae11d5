"""`mcp-calc-server`, writing the protocol revision of each call to the file that is its first argument."""

import sys
from pathlib import Path

from mcp import types

from agentloop.mcp.server.calls import Call, Context
from agentloop.mcp.server.publication import Publication
from mcp_calc_server.cli import main

record = Path(sys.argv.pop(1))
admit = Publication._admit  # noqa: SLF001 - see below


def note(revision: str) -> None:
    with record.open("a", encoding="utf-8") as file:
        file.write(f"{revision}\n")


async def recorded(self: Publication, context: Context, params: types.CallToolRequestParams) -> Call:
    note(context.protocol_version)
    return await admit(self, context, params)


# There is no other way to learn this of clients that do not tell.
Publication._admit = recorded  # type: ignore[method-assign]  # noqa: SLF001
main()
