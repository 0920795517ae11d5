"""An MCP server over stdio with one tool that changes something."""

from mcp.server.mcpserver import MCPServer

app = MCPServer("notes")


@app.tool()
async def write_note(text: str) -> str:
    """Write a note."""
    return f"written: {text}"


if __name__ == "__main__":
    app.run("stdio")
