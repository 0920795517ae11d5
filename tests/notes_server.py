"""An MCP server over stdio with one tool that changes something, a resource and a prompt."""

from mcp.server.mcpserver import MCPServer
from mcp.types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

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


@app.completion()  # type: ignore[no-untyped-call,untyped-decorator]
async def suggested(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: CompletionContext | None
) -> Completion | None:
    """Tones; for a note that is given, also that one."""
    assert isinstance(ref, PromptReference)
    given = context.arguments if context is not None else None
    tones = ["kind", "dry and short", *(given or {}).values()] if argument.name == "tone" else []
    return Completion(values=[each for each in tones if each.startswith(argument.value)])


if __name__ == "__main__":
    app.run("stdio")
