"""An MCP server over stdio with one tool that changes something, a resource and a prompt."""

from mcp.server.mcpserver import MCPServer

app = MCPServer("notes")


@app.tool()
async def write_note(text: str) -> str:
    """Write a note."""
    return f"written: {text}"


@app.resource("notes://today", mime_type="text/plain")
def today() -> str:
    return "Buy bulbs."


@app.prompt()
def review(note: str, tone: str = "kind") -> str:
    """Review a note."""
    return f"Review this note in a {tone} tone: {note}"


if __name__ == "__main__":
    app.run("stdio")
