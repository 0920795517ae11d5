"""Tools of MCP servers as tools of an agent, with local twins for when a server is gone."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from mcp.shared.dispatcher import ProgressFnT
from mcp.types import CallToolResult
from mcp.types import Tool as McpTool

from agentloop import (
    CallContext,
    ConfigurationError,
    Limits,
    Tool,
    ToolError,
    ToolOutput,
    ToolSpec,
    ToolUnavailable,
    dispatch,
)
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.delegation import Delegation
from agentloop.narration import LINE, clip
from agentloop.schema_check import SchemaCheck

Warn = Callable[[str], None]

LONGEST_NAME = 64
PATIENCE = 5.0
"""Seconds a call without a twin waits for its server to come back."""
RETURN = 30.0
"""Seconds a call waits for a server that keeps runs and went away in it."""
RETURNS = 3
"""How often such a server may go away in one call."""
MAX_DESCRIPTION = 100_000
"""Characters of a tool's description and schemas. One with more would fill the model's context window."""
MAX_IMAGE = 5 * 1024 * 1024
"""Characters of an image in base64 that the Messages API takes."""
MAX_LINES = 1000
"""Progress lines of one call that are told; a server that sends more floods."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_IMAGES = {"image/gif", "image/jpeg", "image/png", "image/webp"}
"""What the Messages API takes; it refuses the whole conversation for any other."""


def remote_tools(connections: Sequence[Connection], warn: Warn) -> list[Tool]:
    """Every tool of every server that is up, each an async tool.

    Names that more than one server uses are prefixed with the server's name. A tool no model could be given is left
    out, and `warn` hears of it.
    """
    listed = [(connection, tool) for connection in connections for tool in connection.tools]
    uses = Counter(tool.name for _, tool in listed)
    tools: dict[str, Tool] = {}
    for connection, listing in listed:
        prefix = "" if uses[listing.name] == 1 else f"{_NOT_IN_NAMES.sub('_', connection.name)}__"
        try:
            tool = _remote_tool(connection, listing, prefix)
        except ConfigurationError as error:
            warn(f"{connection.name}: {clip(str(error), 200)} The tool is left out.")
            continue
        if tools.setdefault(tool.name, tool) is not tool:
            warn(f"{connection.name}: There is another tool named {tool.name}. The tool is left out.")
    return list(tools.values())


def with_twins(tools: Sequence[Tool], twins: Sequence[Tool], warn: Warn, limits: Limits) -> list[Tool]:
    """The same tools, prepared for their servers to go away.

    One with a local twin, of the same name at its server and the same input schema, falls back on it. One without waits
    a little for its server to come back, and is called again if it was lost in the call and doing that is harmless.
    """
    by_name = {twin.name: twin for twin in twins}
    return [_with_twin(tool, by_name.get(_listed_name(tool)), warn, limits) or _patient(tool) for tool in tools]


def _remote_tool(connection: Connection, listing: McpTool, prefix: str) -> Tool:
    described = listing.model_dump_json(by_alias=True, exclude_none=True)
    if len(described) > MAX_DESCRIPTION:
        raise ConfigurationError(f"Tool {listing.name[:100]!r}: its description has {len(described):,} characters.")
    spec = ToolSpec.from_json(json.loads(described))
    promise = None if spec.output_schema is None else SchemaCheck(spec.output_schema, is_trusted=connection.is_trusted)
    return Tool(
        replace(spec, name=_prefixed(prefix, listing.name)),
        RemoteCall(connection, listing.name, is_agent=spec.is_agent, promise=promise),
        takes_context=True,
        served_by=connection.name,
        is_trusted=connection.is_trusted,
    )


def _prefixed(prefix: str, name: str) -> str:
    """The name with its prefix, cut to what the Messages API takes; the end tells names apart, the same every time."""
    whole = prefix + name
    if len(whole) <= LONGEST_NAME or len(name) > LONGEST_NAME:
        return whole
    return f"{whole[: LONGEST_NAME - 9]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """The function of a remote tool. `patience` is how many seconds a server that is down is waited for.

    `promise` checks structured results.
    """

    connection: Connection
    name: str
    is_agent: bool = False
    patience: float = 0.0
    may_repeat: bool = False
    promise: SchemaCheck | None = None

    async def __call__(self, context: CallContext, /, **arguments: Any) -> ToolOutput:
        sent = {name: _wire(value) for name, value in arguments.items()}
        was_up = self.connection.is_up
        try:
            return await self._ask(context, sent, self.patience)
        except ToolUnavailable:
            if was_up and self.is_agent and self.connection.keeps_runs:
                return await self._join(context, sent)
            if not self.may_repeat:
                raise
        return await self._ask(context, sent, self.patience)

    async def _join(self, context: CallContext, sent: Mapping[str, Any]) -> ToolOutput:
        """Wait for the server to come back and call again: it knows the call by its key and goes on with the run."""
        for _ in range(RETURNS - 1):
            with suppress(ToolUnavailable):
                return await self._ask(context, sent, RETURN)
        return await self._ask(context, sent, RETURN)

    async def _ask(self, context: CallContext, arguments: Mapping[str, Any], patience: float) -> ToolOutput:
        ask = partial(self.connection.call, self.name, arguments, _reporter(context), patience=patience)
        if not self.is_agent:
            return self._output(await ask())
        server = self.connection
        with Delegation(context, self.name, server.name, is_trusted=server.is_trusted) as delegation:
            result = await ask(listener=delegation)
            output = self._output(result)
            delegation.answered(output)
            return output

    def _output(self, result: CallToolResult) -> ToolOutput:
        output = _output(result, self.connection.name)
        misfit = None if output.is_error or self.promise is None else self.promise.misfit(output.structured)
        if misfit is not None:
            place, reason = misfit
            raise ToolError(
                f"{self.connection.name} answered, but the structured content is not what it promised: "
                f"{place or 'it'}: {reason}"
            )
        return output


def _reporter(context: CallContext) -> ProgressFnT:
    lines = itertools.count(1)

    async def report(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        if message and next(lines) <= MAX_LINES:
            context.report(clip(message, LINE))

    return report


def _listed_name(tool: Tool) -> str:
    return tool.function.name if isinstance(tool.function, RemoteCall) else tool.name


def _patient(tool: Tool) -> Tool:
    if not isinstance(tool.function, RemoteCall):
        return tool
    return replace(tool, function=replace(tool.function, patience=PATIENCE, may_repeat=tool.is_harmless))


def _with_twin(tool: Tool, twin: Tool | None, warn: Warn, limits: Limits) -> Tool | None:
    if twin is None or not (tool.spec.read_only or tool.spec.idempotent):
        return None
    if twin.spec.input_schema != tool.spec.input_schema:
        warn(f"{tool.name}: {tool.served_by} describes other arguments than the local twin, which is not used.")
        return None

    async def call(context: CallContext, /, **arguments: Any) -> ToolOutput:
        try:
            output: ToolOutput = await tool.function(context, **arguments)
        except ToolUnavailable as error:
            warn(f"{error}. Its calls are answered by local threads.")
            return replace(await dispatch.call(twin, arguments, context, limits), served_by=twin.served_by)
        return output

    return replace(tool, function=call)


def _output(result: CallToolResult, server: str) -> ToolOutput:
    content = tuple(block for block in map(_block, result.content) if block is not None)
    structured = result.structured_content if isinstance(result.structured_content, Mapping) else None
    if not content and structured is not None:
        content = ToolOutput.of(structured).content
    if result.is_error and not content:
        content = ToolOutput.error("").content
    return ToolOutput(content, structured, result.is_error, server)


def _block(content: Any) -> dict[str, Any] | None:
    """An MCP content block as the Messages API has it; kinds it has not are named in brackets."""
    match content.type:
        case "text":
            blocks = ToolOutput.of(content.text).content
            return blocks[0] if blocks else None
        case "image" if content.mime_type in _IMAGES:
            if len(content.data) > MAX_IMAGE:
                return {"type": "text", "text": f"[An image of {len(content.data):,} characters, which is too large.]"}
            source = {"type": "base64", "media_type": content.mime_type, "data": content.data}
            return {"type": "image", "source": source}
        case kind:
            return {"type": "text", "text": f"[{kind} content, which cannot be shown here]"}


def _wire(value: Any) -> Any:
    """JSON as other programs read it: a number that no float equals goes as text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: _wire(item) for key, item in value.items()}
    return value
