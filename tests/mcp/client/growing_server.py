"""A server that has one more tool after each call of its first one, and says so."""

from typing import Any

from mcp.server.mcpserver import Context, MCPServer

app = MCPServer("growing")
grown: list[str] = []


@app.tool()
async def grow(ctx: Context[Any, Any]) -> str:
    """Add a tool."""

    def added() -> str:
        """Was added."""
        return "added"

    grown.append(f"added_{len(grown) + 1}")
    app.add_tool(added, name=grown[-1])
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


if __name__ == "__main__":
    app.run("stdio")
