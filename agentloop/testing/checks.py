"""What the Messages API refuses, checked as strictly as the API does it. Messages name the place: `messages.2: ...`."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentloop.content import MAX_IMAGE
from agentloop.media import kind_of
from agentloop.schema_check import SchemaCheck

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
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
    if not lower.get("authorization", "").removeprefix("Bearer").strip() and not lower.get("x-api-key"):
        raise WireError(401, "authentication_error", "x-api-key or Authorization header is required")
    _require(lower.get("anthropic-version"), "anthropic-version", "header is required")
    betas = lower.get("anthropic-beta", "").split(",")
    if "context_management" in body:
        _check_context_management(body["context_management"], betas)
    _check_settings(body, counting=counting)
    _check_tools(body)
    _check_messages(body.get("messages"), betas)


def _require(holds: object, place: str, text: str) -> None:
    """Refuse the request with a text about that place unless `holds` is true."""
    if not holds:
        raise WireError(400, "invalid_request_error", f"{place}: {text}")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _check_context_management(config: Any, betas: Sequence[str]) -> None:
    _require(set(betas) & set(_BETAS.values()), "context_management", "Extra inputs are not permitted")
    edits: Any = config.get("edits") if isinstance(config, Mapping) else None
    is_list = isinstance(edits, list) and all(isinstance(edit, Mapping) for edit in edits)
    _require(is_list, "context_management.edits", "a list of objects is required")
    for number, edit in enumerate(edits):
        place, kind = f"context_management.edits.{number}", edit.get("type", "")
        _require(_BETAS.get(kind) in betas, place, f"Input tag {kind!r} found using 'type' is not supported here")
        is_summary = kind == "compact_20260112"
        fields = {"trigger": "input_tokens"} if is_summary else {"trigger": "input_tokens", "keep": "tool_uses"}
        for name, unit in fields.items():
            is_amount = edit.get(name, {}).get("type") == unit and isinstance(edit[name].get("value"), int)
            _require(is_amount, f"{place}.{name}", f"an object of type {unit} with an integer is required")
        is_enough = not is_summary or edit["trigger"]["value"] >= _SHORTEST_SUMMARIZED
        _require(is_enough, f"{place}.trigger.value", f"must be at least {_SHORTEST_SUMMARIZED}")


def _check_settings(body: Mapping[str, Any], *, counting: bool) -> None:
    _require(isinstance(body, Mapping), "body", "a JSON object is required")
    _require(isinstance(body.get("model"), str) and body["model"], "model", "a non-empty string is required")
    limit: Any = 1 if counting else body.get("max_tokens")
    _require(type(limit) is int and limit >= 1, "max_tokens", "an integer of at least 1 is required")
    for name in _REMOVED:
        _require(name not in body, name, "this setting is no longer accepted")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools, choice = body.get("tools", []), body.get("tool_choice")
    if choice is not None:
        is_free = isinstance(choice, Mapping) and choice.get("type") in {"auto", "none"}
        _require(is_free, "tool_choice", "forcing a tool is not supported by this model; use auto or none")
        _require(tools, "tool_choice", "may only be given together with tools")
    _require(isinstance(tools, list), "tools", "a list is required")
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        check_tool(f"tools.{index}", tool, seen)


def check_tool(place: str, tool: Any, seen: set[str]) -> None:
    """Raise WireError if the API would refuse the tool. `seen` are the names of the tools before it."""
    _require(isinstance(tool, Mapping), place, "a tool definition must be an object")
    name = tool.get("name")
    _require(_is_name(name), f"{place}.name", f"must match ^{_TOOL_NAME.pattern}$")
    _require(name not in seen, f"{place}.name", f"tool names must be unique, {name!r} is given twice")
    seen.add(name)
    if tool.get("type", "custom") != "custom":
        return  # a tool that runs at the API has no schema of its own
    schema, place = tool.get("input_schema"), f"{place}.input_schema"
    is_object = isinstance(schema, Mapping) and schema.get("type") == "object"
    _require(is_object, place, "a JSON schema of type object is required")
    is_plain = not {"oneOf", "allOf", "anyOf"} & {*schema}
    _require(is_plain, place, "oneOf, allOf and anyOf are not supported at the top level")
    for key in schema.get("properties", {}):
        text = f"keys must match ^{_PROPERTY.pattern}$, not {key!r}"
        _require(_PROPERTY.fullmatch(key), f"{place}.properties", text)
    problem = SchemaCheck(schema, is_trusted=False).problem
    _require(problem is None, place, f"must match JSON Schema draft 2020-12: {problem}")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _TOOL_NAME.fullmatch(value) is not None


def _check_messages(messages: Any, betas: Sequence[str]) -> None:
    _require(_is_list(messages) and messages, "messages", "at least one message is required")
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        _check_message(place, message, final=index == len(messages) - 1)
        if message["role"] == "system":
            _check_system_message(messages, index, betas)
        has_summary = any(block["type"] == "compaction" for block in _blocks(message))
        is_supported = not has_summary or _BETAS["compact_20260112"] in betas
        _require(is_supported, place, "Input tag 'compaction' found using 'type' is not supported here")
    _require(messages[0]["role"] == "user", "messages.0", "the first message must use the user role")
    is_paused = any(block["type"] == "server_tool_use" for block in _blocks(messages[-1]))
    _require(
        messages[-1]["role"] != "assistant" or is_paused,
        f"messages.{len(messages) - 1}",
        "this model does not support assistant prefill; the last message must be the user's",
    )
    _check_pairing(messages)


def _check_message(place: str, message: Any, *, final: bool) -> None:
    role: Any = message.get("role") if isinstance(message, Mapping) else None
    _require(role in {"user", "assistant", "system"}, f"{place}.role", "must be user, assistant or system")
    content: Any = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    _require(isinstance(content, list), f"{place}.content", "a string or a list of blocks is required")
    may_be_empty = final and role == "assistant"
    text = "all messages must have non-empty content except for the final assistant message"
    _require(content or may_be_empty, place, text)
    for number, block in enumerate(content):
        _check_block(f"{place}.content.{number}", role, block)


def _check_system_message(messages: Sequence[Mapping[str, Any]], index: int, betas: Sequence[str]) -> None:
    """Check the place of a message in the middle of a conversation, and the tools that it adds by their definition."""
    place = f"messages.{index}"
    is_after = index > 0 and messages[index - 1].get("role") == "user"
    _require(is_after, place, "role 'system' must follow a user message")
    is_before = index + 1 == len(messages) or messages[index + 1].get("role") == "assistant"
    _require(is_before, place, "role 'system' must precede an 'assistant' message or end the array")
    for number, block in enumerate(_blocks(messages[index])):
        spot, kind = f"{place}.content.{number}", block["type"]
        _require(kind in {"text", "tool_addition"}, spot, "role 'system' takes text and tool changes only")
        if kind == "tool_addition":
            is_supported = _ADDITION_BETA in betas
            _require(is_supported, spot, "Input tag 'tool_addition' found using 'type' is not supported here")
            tool = block.get("tool")
            is_definition = isinstance(tool, Mapping) and tool.get("type") == "tool_definition"
            _require(is_definition, f"{spot}.tool", "a tool_definition is required")
            check_tool(f"{spot}.tool.definition", block["tool"].get("definition"), set())


def _check_block(place: str, role: str, block: Any) -> None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    _require(isinstance(kind, str), place, "a block must be an object with a type")
    if kind == "text":
        is_text = isinstance(block.get("text"), str) and block["text"].strip()
        _require(is_text, place, "text content blocks must be non-empty")
    if kind == "image":
        _check_image(f"{place}.source", block.get("source"))
    if kind == "tool_use":
        _require(role == "assistant", place, "tool_use blocks can only be in assistant messages")
        is_id = isinstance(block.get("id"), str) and block["id"]
        _require(is_id, f"{place}.id", "a non-empty string is required")
        _require(_is_name(block.get("name")), f"{place}.name", f"must match ^{_TOOL_NAME.pattern}$")
        _require(isinstance(block.get("input"), Mapping), f"{place}.input", "an object is required")
    if kind == "tool_result":
        _check_tool_result(place, role, block)


def _check_image(place: str, source: Any) -> None:
    _require(isinstance(source, Mapping), place, "an object is required")
    if source.get("type") != "base64":
        return
    try:
        kind = kind_of(base64.b64decode(source["data"], validate=True))
    except (ValueError, TypeError, KeyError):
        kind = None
    is_image = kind is not None and kind.startswith("image/")
    _require(is_image, place, "base64 data of a PNG, JPEG, GIF or WebP image is required")
    _require(kind == source.get("media_type"), place, f"the image does not match the media type: it is {kind}")
    _require(len(source["data"]) <= MAX_IMAGE, place, "image exceeds 5 MB maximum")


def _check_tool_result(place: str, role: str, block: Mapping[str, Any]) -> None:
    _require(role == "user", place, "tool_result blocks can only be in user messages")
    _require(isinstance(block.get("tool_use_id"), str), f"{place}.tool_use_id", "a string is required")
    content, is_error = block.get("content"), block.get("is_error")
    _require(content or not is_error, place, "content cannot be empty if is_error is true")
    if content is None or isinstance(content, str):
        return
    _require(_is_list(content), f"{place}.content", "a string or a list of blocks is required")
    is_text = all(not isinstance(each, Mapping) or each.get("type") == "text" for each in content)
    _require(is_text or not is_error, place, "all content must be text if is_error is true")
    for number, inner in enumerate(content):
        _check_block(f"{place}.content.{number}", role, inner)


def _blocks(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


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
            _require(identity not in seen, place, f"`tool_use` ids must be unique, {identity!r} is used twice")
            seen.add(identity)
    _require_answers(f"messages.{len(messages) - 1}", open_ids)


def _check_results(place: str, blocks: Sequence[Mapping[str, Any]], open_ids: Sequence[str]) -> None:
    answered: list[str] = []
    for number, block in enumerate(blocks):
        if block["type"] != "tool_result":
            continue
        identity, spot = block["tool_use_id"], f"{place}.content.{number}"
        is_open = identity in open_ids
        _require(is_open, spot, f"unexpected `tool_use_id` {identity!r}: no such tool_use in the message before")
        is_first = identity not in answered
        _require(is_first, spot, f"each tool_use must have a single result, {identity!r} has two")
        _require(number == len(answered), spot, "tool_result blocks must come first in the message")
        answered.append(identity)
    _require_answers(place, [identity for identity in open_ids if identity not in answered])


def _require_answers(place: str, missing: Sequence[str]) -> None:
    text = f"`tool_use` ids without `tool_result` blocks immediately after: {', '.join(missing)}"
    _require(not missing, place, text)
