"""What the Messages API refuses, checked as strictly as the API does it. Messages name the place: `messages.2: ...`."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentloop.schema_check import SchemaCheck

MAX_IMAGE = 5 * 1024 * 1024
"""Characters of an image in base64."""

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_BETAS = {"clear_tool_uses_20250919": "context-management-2025-06-27", "compact_20260112": "compact-2026-01-12"}
_ADDITION_BETA = "inline-tools-2026-09-15"
_SHORTEST_SUMMARIZED = 50_000
_REMOVED = ("temperature", "top_p", "top_k")


class WireError(Exception):
    """An error response of the API: HTTP status, error type (such as `invalid_request_error`), text, extra headers."""

    def __init__(self, status: int, type: str, message: str, headers: Mapping[str, str] | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
        self.headers = dict(headers or {})


def check_request(body: Mapping[str, Any], headers: Mapping[str, str], *, counting: bool = False) -> None:
    """Raise WireError if the API would refuse the request.

    `counting` is for count_tokens, whose requests have no max_tokens. One thing the API checks is not seen here: that a
    conversation with thinking blocks only ever grows, because that takes memory of the requests before.
    """
    lower = {key.lower(): value for key, value in headers.items()}
    _check_headers(lower)
    betas = lower.get("anthropic-beta", "").split(",")
    if "context_management" in body:
        _check_context_management(body["context_management"], betas)
    _check_settings(body, counting=counting)
    _check_tools(body)
    messages = body.get("messages")
    if not _is_list(messages) or not messages:
        raise _invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(f"messages.{index}", message, final=index == len(messages) - 1)
        if message["role"] == "system":
            _check_system_message(messages, index, betas)
        if any(block["type"] == "compaction" for block in _blocks(message)) and _BETAS["compact_20260112"] not in betas:
            raise _invalid(f"messages.{index}: Input tag 'compaction' found using 'type' is not supported here")
    if messages[0]["role"] != "user":
        raise _invalid("messages.0: the first message must use the user role")
    _check_prefill(messages)
    _check_pairing(messages)


def _invalid(message: str) -> WireError:
    return WireError(400, "invalid_request_error", message)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _check_headers(headers: Mapping[str, str]) -> None:
    if not headers.get("authorization", "").removeprefix("Bearer").strip() and not headers.get("x-api-key"):
        raise WireError(401, "authentication_error", "x-api-key or Authorization header is required")
    if not headers.get("anthropic-version"):
        raise _invalid("anthropic-version: header is required")


def _check_context_management(config: Any, betas: Sequence[str]) -> None:
    if not set(betas) & set(_BETAS.values()):
        raise _invalid("context_management: Extra inputs are not permitted")
    edits = config.get("edits") if isinstance(config, Mapping) else None
    if not isinstance(edits, list) or not all(isinstance(edit, Mapping) for edit in edits):
        raise _invalid("context_management.edits: a list of objects is required")
    for number, edit in enumerate(edits):
        place = f"context_management.edits.{number}"
        if _BETAS.get(edit.get("type", "")) not in betas:
            raise _invalid(f"{place}: Input tag {edit.get('type')!r} found using 'type' is not supported here")
        is_summary = edit["type"] == "compact_20260112"
        fields = {"trigger": "input_tokens"} if is_summary else {"trigger": "input_tokens", "keep": "tool_uses"}
        for name, kind in fields.items():
            if edit.get(name, {}).get("type") != kind or not isinstance(edit[name].get("value"), int):
                raise _invalid(f"{place}.{name}: an object of type {kind} with an integer is required")
        if is_summary and edit["trigger"]["value"] < _SHORTEST_SUMMARIZED:
            raise _invalid(f"{place}.trigger.value: must be at least {_SHORTEST_SUMMARIZED}")


def _check_settings(body: Mapping[str, Any], *, counting: bool) -> None:
    if not isinstance(body, Mapping):
        raise _invalid("the request body must be a JSON object")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _invalid("model: a non-empty string is required")
    limit = body.get("max_tokens")
    if not counting and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise _invalid("max_tokens: an integer of at least 1 is required")
    for name in _REMOVED:
        if name in body:
            raise _invalid(f"{name}: this setting is no longer accepted")


def _check_tools(body: Mapping[str, Any]) -> None:
    choice = body.get("tool_choice")
    if choice is not None:
        if not isinstance(choice, Mapping) or choice.get("type") not in {"auto", "none"}:
            raise _invalid("tool_choice: forcing a tool is not supported by this model; use auto or none")
        if not body.get("tools"):
            raise _invalid("tool_choice: may only be given together with tools")
    tools = body.get("tools", [])
    if not isinstance(tools, list):
        raise _invalid("tools: a list is required")
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        check_tool(f"tools.{index}", tool, seen)


def check_tool(place: str, tool: Any, seen: set[str]) -> None:
    """Raise WireError if the API would refuse the tool. `seen` are the names of the tools before it."""
    if not isinstance(tool, Mapping):
        raise _invalid(f"{place}: a tool definition must be an object")
    name = tool.get("name")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise _invalid(f"{place}.name: must match ^[a-zA-Z0-9_-]{{1,64}}$")
    if name in seen:
        raise _invalid(f"{place}.name: tool names must be unique, {name!r} is given twice")
    seen.add(name)
    if tool.get("type", "custom") != "custom":
        return  # a tool that runs at the API has no schema of its own
    schema = tool.get("input_schema")
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise _invalid(f"{place}.input_schema: a JSON schema of type object is required")
    if any(name in schema for name in ("oneOf", "allOf", "anyOf")):
        raise _invalid(f"{place}.input_schema: oneOf, allOf and anyOf are not supported at the top level")
    for key in schema.get("properties", {}):
        if not _PROPERTY.fullmatch(key):
            raise _invalid(f"{place}.input_schema.properties: keys must match ^[a-zA-Z0-9_.-]{{1,64}}$, not {key!r}")
    if SchemaCheck(schema, is_trusted=False).is_broken:
        raise _invalid(f"{place}.input_schema: must match JSON Schema draft 2020-12")


def _check_message(place: str, message: Any, *, final: bool) -> None:
    if not isinstance(message, Mapping) or message.get("role") not in {"user", "assistant", "system"}:
        raise _invalid(f"{place}.role: must be user, assistant or system")
    content: Any = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise _invalid(f"{place}.content: a string or a list of blocks is required")
    if not content and not (final and message["role"] == "assistant"):
        raise _invalid(f"{place}: all messages must have non-empty content except for the final assistant message")
    for number, block in enumerate(content):
        _check_block(f"{place}.content.{number}", message["role"], block)


def _check_system_message(messages: Sequence[Mapping[str, Any]], index: int, betas: Sequence[str]) -> None:
    """Check the place of a message in the middle of a conversation, and the tools that it adds by their definition."""
    place = f"messages.{index}"
    if not index or messages[index - 1].get("role") != "user":
        raise _invalid(f"{place}: role 'system' must follow a user message")
    if index + 1 < len(messages) and messages[index + 1].get("role") != "assistant":
        raise _invalid(f"{place}: role 'system' must precede an 'assistant' message or end the array")
    for number, block in enumerate(_blocks(messages[index])):
        spot = f"{place}.content.{number}"
        if block["type"] == "tool_addition" and _ADDITION_BETA not in betas:
            raise _invalid(f"{spot}: Input tag 'tool_addition' found using 'type' is not supported here")
        if block["type"] == "tool_addition":
            tool = block.get("tool")
            if not isinstance(tool, Mapping) or tool.get("type") != "tool_definition":
                raise _invalid(f"{spot}.tool: a tool_definition is required")
            check_tool(f"{spot}.tool.definition", tool.get("definition"), set())
        elif block["type"] != "text":
            raise _invalid(f"{spot}: role 'system' takes text and tool changes only")


def _check_block(place: str, role: str, block: Any) -> None:
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        raise _invalid(f"{place}: a block must be an object with a type")
    if block["type"] == "text" and not (isinstance(block.get("text"), str) and block["text"].strip()):
        raise _invalid(f"{place}: text content blocks must be non-empty")
    if block["type"] == "image":
        _check_image(place, block.get("source"))
    if block["type"] == "tool_use":
        _check_tool_use(place, role, block)
    if block["type"] == "tool_result":
        _check_tool_result(place, role, block)


def _check_image(place: str, source: Any) -> None:
    if not isinstance(source, Mapping):
        raise _invalid(f"{place}.source: an object is required")
    if source.get("type") != "base64":
        return
    try:
        data = base64.b64decode(source["data"], validate=True)
        magic = _IMAGES[source["media_type"]]
    except (ValueError, TypeError, KeyError):
        raise _invalid(f"{place}.source: base64 data of a PNG, JPEG, GIF or WebP image is required") from None
    if not data:
        raise _invalid(f"{place}.source: image cannot be empty")
    if not data.startswith(magic):
        raise _invalid(f"{place}.source: the image does not match the media type {source['media_type']}")
    if len(source["data"]) > MAX_IMAGE:
        raise _invalid(f"{place}.source: image exceeds 5 MB maximum")


def _check_tool_use(place: str, role: str, block: Mapping[str, Any]) -> None:
    if role != "assistant":
        raise _invalid(f"{place}: tool_use blocks can only be in assistant messages")
    if not isinstance(block.get("id"), str) or not block["id"]:
        raise _invalid(f"{place}.id: a non-empty string is required")
    if not isinstance(block.get("name"), str) or not _TOOL_NAME.fullmatch(block["name"]):
        raise _invalid(f"{place}.name: must match ^[a-zA-Z0-9_-]{{1,64}}$")
    if not isinstance(block.get("input"), Mapping):
        raise _invalid(f"{place}.input: an object is required")


def _check_tool_result(place: str, role: str, block: Mapping[str, Any]) -> None:
    if role != "user":
        raise _invalid(f"{place}: tool_result blocks can only be in user messages")
    if not isinstance(block.get("tool_use_id"), str):
        raise _invalid(f"{place}.tool_use_id: a string is required")
    content = block.get("content")
    if block.get("is_error") and not content:
        raise _invalid(f"{place}: content cannot be empty if is_error is true")
    if content is not None and not isinstance(content, str) and not _is_list(content):
        raise _invalid(f"{place}.content: a string or a list of blocks is required")
    if content is not None and not isinstance(content, str):
        if block.get("is_error") and any(isinstance(each, Mapping) and each.get("type") != "text" for each in content):
            raise _invalid(f"{place}: all content must be text if is_error is true")
        for number, inner in enumerate(content):
            _check_block(f"{place}.content.{number}", role, inner)


def _blocks(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _check_prefill(messages: Sequence[Mapping[str, Any]]) -> None:
    last = messages[-1]
    paused = any(block["type"] == "server_tool_use" for block in _blocks(last))
    if last["role"] == "assistant" and not paused:
        place = f"messages.{len(messages) - 1}"
        raise _invalid(f"{place}: this model does not support assistant prefill; the last message must be the user's")


def _check_pairing(messages: Sequence[Mapping[str, Any]]) -> None:
    """Each tool_use is answered once, at the start of the very next message, and nothing else is answered."""
    open_ids: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        blocks = _blocks(message)
        _check_results(place, blocks, open_ids)
        open_ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for identity in open_ids:
            if identity in seen:
                raise _invalid(f"{place}: `tool_use` ids must be unique, {identity!r} is used twice")
            seen.add(identity)
    if open_ids:
        raise _unanswered(f"messages.{len(messages) - 1}", open_ids)


def _check_results(place: str, blocks: Sequence[Mapping[str, Any]], open_ids: Sequence[str]) -> None:
    answered: list[str] = []
    for number, block in enumerate(blocks):
        if block["type"] != "tool_result":
            continue
        identity = block["tool_use_id"]
        spot = f"{place}.content.{number}"
        if identity not in open_ids:
            raise _invalid(f"{spot}: unexpected `tool_use_id` {identity!r}: no such tool_use in the message before")
        if identity in answered:
            raise _invalid(f"{spot}: each tool_use must have a single result, {identity!r} has two")
        if number != len(answered):
            raise _invalid(f"{spot}: tool_result blocks must come first in the message")
        answered.append(identity)
    if missing := [identity for identity in open_ids if identity not in answered]:
        raise _unanswered(place, missing)


def _unanswered(place: str, ids: Sequence[str]) -> WireError:
    text = ", ".join(ids)
    return _invalid(f"{place}: `tool_use` ids without `tool_result` blocks immediately after: {text}")
