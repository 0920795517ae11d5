"""Our serving code with the tools that the conformance suite calls by name: `fixture_server.py --port PORT`."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import CallContext, Document, Image, Question, Tool, ToolError, ToolOutput
from agentloop.events import EventHandler
from agentloop.mcp.server.calls import Call, Context
from agentloop.mcp.server.prompts import Prompt
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.resources import Resource
from agentloop.mcp.server.serving import build_server
from agentloop.mcp.server.tasks import MemoryRuns, Tasks
from agentloop.mcp.server.web import Address, serve_web
from agentloop.tools import ToolSpec

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
HEADER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


def test_simple_text() -> str:
    """Answers with a text."""
    return "This is a simple text response for testing."


def test_error_handling() -> str:
    """Fails."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(call: CallContext) -> str:
    """Reports three steps."""
    for step in (0, 50, 100):
        call.progress(f"Completed step {step} of 100")
    return "done"


def test_missing_capability() -> str:
    """Needs a client that lends its model."""
    return "ok"


def test_image_content() -> Image:
    """Returns an image."""
    return Image(base64.b64decode(PIXEL))


def test_embedded_resource() -> Document:
    """Returns a text with a name."""
    return Document("This is an embedded resource content.", "embedded-resource")


def test_multiple_content_types() -> list[str | Image | Document]:
    """Returns a text, an image and a document."""
    image = Image(base64.b64decode(PIXEL))
    return ["Multiple content types test:", image, Document('{"test":"data","value":123}', "mixed")]


def greet(name: str) -> str:
    """Greets."""
    return f"Hello, {name}!"


async def slow_compute(seconds: float, label: str = "") -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return f"computed {label}"


def form(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


TEXT = {"type": "string"}
DEFAULTS = form(
    name=TEXT | {"default": "John Doe"},
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status=TEXT | {"enum": ["active", "inactive", "pending"], "default": "active"},
    verified={"type": "boolean", "default": True},
)
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}]
ENUMS = form(
    untitledSingle=TEXT | {"enum": OPTIONS},
    titledSingle=TEXT | {"oneOf": TITLED},
    legacyEnum=TEXT | {"enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    untitledMulti={"type": "array", "items": TEXT | {"enum": OPTIONS}},
    titledMulti={"type": "array", "items": {"anyOf": TITLED}},
)
YES = form(ok={"type": "boolean"})
ASKING = {
    "test_elicitation": [form(username=TEXT, email=TEXT)],
    "test_elicitation_sep1034_defaults": [DEFAULTS],
    "test_elicitation_sep1330_enums": [ENUMS],
    "test_input_required_result_elicitation": [form(name=TEXT)],
    "test_input_required_result_multi_round": [form(name=TEXT), form(color=TEXT)],
    "test_input_required_result_request_state": [YES],
    "test_input_required_result_tampered_state": [YES],
    "confirm_delete": [form(confirm={"type": "boolean"})],
}
"""The tools that ask, and their forms, one after the other."""


def asking_tool(name: str, forms: list[dict[str, Any]]) -> Tool:
    async def ask(context: CallContext, **_arguments: Any) -> str:
        answers = [await context.answer_to(Question("Please answer.", each)) for each in forms]
        return f"state-ok: {answers}"

    return Tool(ToolSpec(name, "Asks.", {"type": "object"}), ask, takes_context=True)


async def multi_input(context: CallContext) -> str:
    """Asks twice at once."""
    return str(await asyncio.gather(*(context.answer_to(Question(each, YES)) for each in ("One?", "Two?"))))


async def failing_job() -> str:
    """Fails as a tool does."""
    await asyncio.sleep(0.5)
    raise ToolError("This job fails")


async def protocol_error_job() -> str:
    """Fails as a server does: see `Fixture.run`."""
    return ""


def as_agent(tool: Tool) -> Tool:
    """The tool, calls of which are tasks for clients that accept them."""
    return replace(tool, spec=replace(tool.spec, is_agent=True))


class Fixture(Publication):
    """The publication, refusing one tool to clients that cannot do what it would need."""

    async def _admit(self, context: Context, params: types.CallToolRequestParams) -> Call:
        capabilities = context.session.client_capabilities
        if params.name == "test_missing_capability" and (capabilities is None or capabilities.sampling is None):
            needed = types.ClientCapabilities(sampling=types.SamplingCapability())
            data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
            raise MCPError(
                types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                "sampling is needed",
                data.model_dump(by_alias=True, mode="json", exclude_none=True),
            )
        return await super()._admit(context, params)

    async def run(self, call: Call, emit: EventHandler, progress: Callable[[str], None], **more: Any) -> ToolOutput:
        if call.tool.name == "protocol_error_job":
            await asyncio.sleep(0.5)
            raise RuntimeError("broken")
        return await super().run(call, emit, progress, **more)


def tools() -> list[Tool]:
    functions = (
        *(test_simple_text, test_error_handling, test_tool_with_progress, test_missing_capability, greet),
        *(test_image_content, test_embedded_resource, test_multiple_content_types),
    )
    return [
        *(as_agent(Tool.from_function(function)) for function in (slow_compute, failing_job, protocol_error_job)),
        *(Tool.from_function(function) for function in functions),
        *(asking_tool(name, forms) for name, forms in ASKING.items() if name != "confirm_delete"),
        as_agent(asking_tool("confirm_delete", ASKING["confirm_delete"])),
        as_agent(Tool.from_function(multi_input)),
        Tool(ToolSpec("json_schema_2020_12_tool", "Takes any 2020-12 schema.", SCHEMA), lambda **_arguments: "ok"),
        Tool(ToolSpec("test_header", "Has an argument in a header.", HEADER_SCHEMA), lambda region: region),
    ]


PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def user(content: types.ContentBlock) -> types.PromptMessage:
    return types.PromptMessage(role="user", content=content)


def with_embedded_resource(resourceUri: str) -> list[types.PromptMessage]:  # noqa: N803 - the suite's name
    """Has a resource."""
    content = types.TextResourceContents(uri=resourceUri, mime_type="text/plain", text="Embedded resource content.")
    return [user(types.EmbeddedResource(resource=content)), user(types.TextContent(text="Use the resource above."))]


def with_image() -> list[types.PromptMessage]:
    """Has an image."""
    return [user(types.ImageContent(data=PIXEL, mime_type="image/png")), user(types.TextContent(text="Look at it."))]


PROMPTS = [
    Prompt("test_simple_prompt", "This is a simple prompt for testing.", description="A simple prompt."),
    Prompt(
        "test_prompt_with_arguments",
        "Prompt with arguments: arg1='{{arg1}}', arg2='{{arg2}}'",
        description="A prompt with two arguments.",
        values={"arg1": ["paris", "park", "party"]},
    ),
    Prompt("test_prompt_with_embedded_resource", with_embedded_resource),
    Prompt("test_prompt_with_image", with_image),
]
RESOURCES = [
    Resource("test://static-text", "This is the content of the static text resource.", mime_type="text/plain"),
    Resource("test://static-binary", b"\x89PNG\r\n\x1a\n\0", mime_type="image/png"),
    Resource(
        "test://template/{id}/data",
        lambda id: json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"}),  # noqa: A006
        mime_type="application/json",
    ),
]


def announce(url: str) -> None:
    print(f"listening at {url}", file=sys.stderr, flush=True)  # noqa: T201


async def main(port: int) -> None:
    address = Address("streamable-http", port=port)
    publication = Fixture(tools())
    async with MemoryRuns(publication.run) as runs:
        server = build_server(publication, prompts=PROMPTS, resources=RESOURCES)
        Tasks(runs).install(server, publication)
        await serve_web(server, address, announce)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[sys.argv.index("--port") + 1])))
