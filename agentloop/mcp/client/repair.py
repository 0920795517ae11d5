"""Results of servers that are almost right, corrected before the SDK validates and refuses them whole.

One tool with an odd schema would cost a server all its tools, and one content block of an unknown kind a call that has
had its effect. What cannot be corrected is left out and named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mcp.shared.message import SessionMessage
from mcp.types import ContentBlock, JSONRPCError, JSONRPCRequest, JSONRPCResponse
from mcp_types.methods import validate_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from agentloop.narration import clip

STRUCTURED = "dev.agentloop/structured"
"""The key in a result's `_meta` for structured content that the negotiated revision does not allow: no object."""
MAX_PENDING = 10_000
"""Requests without a response that are remembered."""

_HANDSHAKE = HANDSHAKE_PROTOCOL_VERSIONS[-1]
_MODERN = KNOWN_PROTOCOL_VERSIONS[-1]
_REPAIRED = {"initialize", "server/discover", "tools/list", "tools/call"}
_content_block: TypeAdapter[Any] = TypeAdapter(ContentBlock)


class Repair:
    """Corrects the responses of one connection. `left_out` has a sentence for each listed tool that was dropped."""

    def __init__(self) -> None:
        self.left_out: list[str] = []
        self._version = _HANDSHAKE
        self._methods: dict[int | str, str] = {}

    def sent(self, message: SessionMessage) -> None:
        """Note a request, to know what its response is."""
        request = message.message
        if isinstance(request, JSONRPCRequest) and request.method in _REPAIRED:
            if len(self._methods) >= MAX_PENDING:
                self._methods.clear()
            self._methods[request.id] = request.method
            if request.method == "tools/list" and not (request.params or {}).get("cursor"):
                self.left_out.clear()

    def received(self, message: SessionMessage | Exception) -> None:
        """Correct a response in place."""
        response = message.message if isinstance(message, SessionMessage) else None
        if isinstance(response, JSONRPCError) and response.id is not None:
            self._methods.pop(response.id, None)
        if not isinstance(response, JSONRPCResponse):
            return
        match self._methods.pop(response.id, None):
            case "initialize":
                version = response.result.get("protocolVersion")
                self._version = version if version in KNOWN_PROTOCOL_VERSIONS else _HANDSHAKE
            case "server/discover":
                self._version = _MODERN
            case "tools/list":
                self._repair_listing(response.result)
            case "tools/call":
                _repair_result(response.result, is_handshake=self._version in HANDSHAKE_PROTOCOL_VERSIONS)

    def _repair_listing(self, result: dict[str, Any]) -> None:
        tools = result.get("tools")
        if isinstance(tools, list):
            result["tools"] = [tool for each in tools if (tool := self._repaired(each)) is not None]

    def _repaired(self, tool: Any) -> dict[str, Any] | None:
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str) or not name.strip():
            self.left_out.append("A tool without a name is left out.")
            return None
        tool = tool | {"inputSchema": _input_schema(tool.get("inputSchema"))}
        for _ in range(len(tool)):
            misfits = _misfits(tool, self._version)
            if not misfits & {"name", "inputSchema"}:
                tool = {key: value for key, value in tool.items() if key not in misfits}
            if not misfits:
                return dict(tool)
            if "inputSchema" in misfits:
                tool["inputSchema"] = {"type": "object"}
        self.left_out.append(f"Tool {clip(name, 64)} is left out: its entry in the list cannot be read.")
        return None


def _input_schema(schema: Any) -> dict[str, Any]:
    """The schema of an object. A schema that is missing or none says nothing of the arguments."""
    if not isinstance(schema, dict):
        return {"type": "object"}
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):  # `true` is a schema, too, but not for the SDK
        schema = schema | {"properties": {key: {} if value is True else value for key, value in properties.items()}}
        if isinstance(required, list):  # zod, in TypeScript, requires what has a default, as in its output
            defaults = [key for key, value in properties.items() if isinstance(value, dict) and "default" in value]
            schema = schema | {"required": [key for key in required if key not in defaults]}
    return {**schema, "type": "object"}


def _misfits(tool: Mapping[str, Any], version: str) -> set[str]:
    """The keys of a tool that the revision does not allow so."""
    try:
        validate_server_result("tools/list", version, {"tools": [tool]})
    except ValidationError as error:
        places = [each["loc"] for each in error.errors(include_url=False, include_context=False, include_input=False)]
        return {str(place[2]) for place in places if place[:1] == ("tools",) and len(place) > 2}  # noqa: PLR2004
    return set()


def _repair_result(result: dict[str, Any], *, is_handshake: bool) -> None:
    """Correct the result of a call. A task in place of a result, of 2025-11-25, gets the content the SDK asks for."""
    if result.get("resultType", "complete") != "complete":
        return
    if not isinstance(result.get("_meta", {}), dict):
        del result["_meta"]
    content = result.get("content")
    blocks = content if isinstance(content, list) else [content] if content else []
    result["content"] = [_repaired_block(block) for block in blocks]
    result["isError"] = str(result.get("isError")).lower() in {"true", "1"}
    if "structuredContent" in result:
        result["structuredContent"] = _finite(result["structuredContent"])
    if is_handshake and not isinstance(result.get("structuredContent", {}), dict):
        structured = result.pop("structuredContent")
        result["_meta"] = result.get("_meta", {}) | {STRUCTURED: structured}


def _finite(value: Any) -> Any:
    """The value with text for NaN and infinity, which are not JSON, but which Python's `json` writes."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _repaired_block(block: Any) -> dict[str, Any]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    try:
        _content_block.validate_python(block, by_name=False)
    except ValidationError:
        kind = block.get("type") if isinstance(block, dict) else type(block).__name__
        text = block.get("text") if isinstance(block, dict) else None
        shown = (
            text if isinstance(text, str) else f"[Content of the kind {clip(str(kind), 40)!r}, which cannot be read]"
        )
        return {"type": "text", "text": shown}
    return dict(block)
