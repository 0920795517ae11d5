"""Tools of MCP servers as tools of an agent, with local fallbacks for servers that are down."""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from agentloop.long_results import whole
from agentloop.mcp import exact_arguments
from agentloop.mcp.client.call_state import Asker
from agentloop.mcp.client.config import matches
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.content import output_of
from agentloop.mcp.client.delegated_call import Delegation, Share
from agentloop.mcp.client.naming import Offer, ServerNames, name_tools
from agentloop.mcp.client.repair import STRUCTURED
from agentloop.mcp.client.sdk_session import CALL_TIMEOUT, ServerBusy
from agentloop.narration import LINE, clip
from agentloop.schema_check import SchemaCheck

Warn = Callable[[str], None]
Ask = Callable[[Connection, str, str, Mapping[str, Any]], Awaitable[None]]
"""Receives the connection, the tool's name at the server, the shown one, and the arguments of a call.

Raises `ToolError` if the call is not allowed.
"""

Permit = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Receives the arguments of a call, and raises `ToolError` if it is not allowed."""

PATIENCE = 5.0
"""Seconds a call without a fallback waits for its server to come back."""
RETURN = 30.0
"""Seconds a call waits for a server that keeps runs and went away during the call."""
GRACE = 5.0
"""Seconds beyond the connection's own limit of a call, which tells the server that the call is given up."""
RETURNS = 3
"""How often such a server may go away during one call."""
MAX_ALL = 512_000
"""Characters of the names, descriptions and input schemas of all tools, which a model reads with every request."""
MAX_PROBLEMS = 5
"""Lines about one server's tools."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds before a call that a busy server refused is made again: if the server does not say, and at most."""
MAX_LINES = 1000
"""Progress lines of one call that are reported; later ones are dropped."""


def remote_tools(
    connections: Sequence[Connection],
    warn: Warn,
    *,
    reserved: Collection[str] = (),
    allow: Sequence[str] = (),
    deny: Sequence[str] = (),
    ask: Ask | None = None,
) -> list[Tool]:
    """Every tool of every server that is up, each an async tool.

    No tool gets the name of another server's tool, or one of `reserved`: see `name_tools`. A tool that may change
    things and belongs to an untrusted server is called if a pattern of `allow`, or of the server's entry, matches its
    name, or if `ask` permits the call; otherwise it returns an error. A tool that cannot be given to a model, or
    that a pattern of `deny` matches, is left out. `warn` receives a line for each problem.
    """
    offers = [Offer(each.name, [tool.name for tool in each.tools], is_trusted=each.is_trusted) for each in connections]
    tools: dict[str, Tool] = {}
    space = MAX_ALL
    for connection, names in zip(connections, name_tools(offers, reserved), strict=True):
        problems = list(connection.catalog.left_out)
        if connection.tools and all(names.is_denied(tool.name, deny) for tool in connection.tools):
            problems.append(f"--deny leaves out all of its tools: {len(connection.tools):,}.")
        for listing in connection.tools:
            if names.is_denied(listing.name, deny):
                continue
            try:
                tool = _remote_tool(connection, listing, names.shown(listing.name))
            except (ConfigurationError, ValueError) as error:
                problems.append(f"{clip(str(error), 200)} The tool is left out.")
                continue
            size = len(json.dumps(tool.spec.for_model()))
            if size > space:
                problems.append(f"{tool.name} is left out: the tools of all servers may have {MAX_ALL:,} characters.")
            elif tool.name in tools:
                problems.append(f"It lists {tool.name} twice. The second one is left out.")
            else:
                space -= size
                tools[tool.name] = _guarded(tool, listing.name, connection, names, allow, warn, ask)
        _warn_of(problems, connection.name, warn)
    return list(tools.values())


def _guarded(  # noqa: PLR0917
    tool: Tool,
    listed: str,
    connection: Connection,
    names: ServerNames,
    allow: Sequence[str],
    warn: Warn,
    ask: Ask | None,
) -> Tool:
    if connection.is_trusted or tool.spec.read_only:
        return tool
    if names.is_allowed(listed, allow) or matches(connection.name, listed, connection.entry.allow):
        return tool
    if ask is None:
        permit = _refusal(tool.name, connection.name, names.to_allow(listed), warn)
    else:
        permit = partial(ask, connection, listed, tool.name)
    assert isinstance(tool.function, RemoteCall)
    return replace(tool, function=replace(tool.function, permit=permit))


def _refusal(name: str, server: str, pattern: str, warn: Callable[[str], None]) -> Permit:
    """For a tool that nobody can be asked about. `warn` receives the option that would allow it."""

    async def refuse(_arguments: Mapping[str, Any]) -> None:
        warn(
            f"{server}: {name} was not called: it may change things, and nobody allowed it. "
            f"To allow it: --allow {shlex.quote(pattern)} (in Python allow=[{pattern!r}])"
        )
        raise ToolError(
            f"{name} was not called, because it may change things and the user has not allowed it. "
            "Do not try again. Go on without it, or say what it is needed for."
        )

    return refuse


def _warn_of(problems: Sequence[str], server: str, warn: Warn) -> None:
    for problem in problems[:MAX_PROBLEMS]:
        warn(f"{server}: {problem}")
    if len(problems) > MAX_PROBLEMS:
        warn(f"{server}: {len(problems) - MAX_PROBLEMS:,} more problems of this kind.")


def with_fallbacks(tools: Sequence[Tool], fallbacks: Sequence[Tool], warn: Warn, limits: Limits) -> list[Tool]:
    """The same tools, prepared for servers that go away.

    A tool that equals a local fallback (same name at its server, schemas and annotations) and may be called twice falls
    back to it. Any other waits up to `PATIENCE` seconds for its server, and is called again after a loss if that is
    harmless.
    """
    by_name = {fallback.name: fallback for fallback in fallbacks}
    found = [by_name.get(_listed_name(tool)) for tool in tools]
    pairs = [
        (tool, each if each and _may_fall_back(tool.spec, each.spec) else None)
        for tool, each in zip(tools, found, strict=True)
    ]
    partly = {tool.served_by for tool, fallback in pairs if fallback is None}
    return [
        _patient(tool) if fallback is None else _with_fallback(tool, fallback, warn, limits, tool.served_by in partly)
        for tool, fallback in pairs
    ]


def _may_fall_back(spec: ToolSpec, fallback: ToolSpec) -> bool:
    """A server that was lost may have run the call, so only a call that may be repeated can fall back."""
    return bool(spec.read_only or spec.idempotent) and is_same_contract(spec, fallback)


def is_same_contract(spec: ToolSpec, other: ToolSpec) -> bool:
    """Whether two tools have the same schemas and annotations. Names, titles and descriptions may differ."""
    same: dict[str, Any] = {"name": "", "title": None, "description": "", "model_schema": None}
    return replace(spec, **same) == replace(other, **same)


def spec_of(listing: McpTool) -> ToolSpec:
    """The specification of a listed tool."""
    return ToolSpec.from_json(listing.model_dump(mode="json", by_alias=True, exclude_none=True))


def _remote_tool(connection: Connection, listing: McpTool, shown_name: str) -> Tool:
    spec = spec_of(listing).for_any_author()
    promise = None if spec.output_schema is None else SchemaCheck(spec.output_schema, is_trusted=connection.is_trusted)
    return Tool(
        replace(spec, name=shown_name),
        RemoteCall(connection, listing.name, is_agent=spec.is_agent, promise=promise),
        takes_context=True,
        timeout=(connection.entry.seconds or CALL_TIMEOUT) + GRACE,
        served_by=connection.name,
        is_trusted=connection.is_trusted,
    )


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """The function of a remote tool.

    A server that is down is waited for at most `patience` seconds. `promise` checks structured results, `permit` is
    asked before each call.
    """

    connection: Connection
    name: str
    is_agent: bool = False
    patience: float = 0.0
    may_repeat: bool = False
    promise: SchemaCheck | None = None
    permit: Permit | None = None

    async def __call__(self, context: CallContext, /, **arguments: Any) -> ToolOutput:
        if self.permit is not None:
            await self.permit(arguments)
        if self.is_agent and not context.scope.call_id:  # not the call of a model, but of a program
            context = replace(context, scope=replace(context.scope, call_id=f"{uuid.uuid4().hex[:12]}.1"))
        sent = exact_arguments.marked(arguments)
        was_up = self.connection.is_up
        try:
            return await self._ask(context, sent, self.patience)
        except ToolUnavailable:
            if was_up and self.is_agent and self.connection.catalog.keeps_runs:
                return await self._join(context, sent)
            if not self.may_repeat:
                raise
        return await self._ask(context, sent, self.patience)

    async def _join(self, context: CallContext, sent: Mapping[str, Any]) -> ToolOutput:
        """Wait for the server and call again: it recognises the call by its key and continues the run."""
        for _ in range(RETURNS - 1):
            with suppress(ToolUnavailable):
                return await self._ask(context, sent, RETURN)
        return await self._ask(context, sent, RETURN)

    async def _ask(self, context: CallContext, arguments: Mapping[str, Any], patience: float) -> ToolOutput:
        """Call, and once more after a refusal for the time being if nothing was run or that does no harm."""
        try:
            return await self._ask_once(context, arguments, patience)
        except ServerBusy as busy:
            wait = FIRST_WAIT if busy.retry_after is None else busy.retry_after
            if wait > LONGEST_WAIT or not (busy.was_refused or self.may_repeat):
                raise
            context.progress(f"{self.connection.name} is busy, next try in {wait:g} s")
            await asyncio.sleep(wait)
        return await self._ask_once(context, arguments, patience)

    async def _ask_once(self, context: CallContext, arguments: Mapping[str, Any], patience: float) -> ToolOutput:
        asker = Asker(context.scope.ask, context.scope.owner)
        ask = partial(self.connection.call, self.name, arguments, _reporter(context), patience=patience, asker=asker)
        if not self.is_agent:
            return await self._output(await ask(), context)
        server = self.connection
        share: Share = None
        for attempt in itertools.count():
            delegation = Delegation(
                context, self.name, server.name, is_trusted=server.is_trusted, attempt=attempt, share=share
            )
            with delegation:
                output = await self._output(await ask(delegation=delegation), context)
                delegation.answered(output)
            share = await delegation.larger_share()
            if share is None:
                return output
        raise AssertionError("it returns")

    async def _output(self, result: CallToolResult, context: CallContext) -> ToolOutput:
        server = self.connection.name
        # What an agent returns for programs, its steps and cost, is not for the model.
        output, notes = await output_of(
            result, server, adds_structured=not self.is_agent, has_resources=self.connection.catalog.has_resources
        )
        for note in notes:
            context.progress(note)
        misfit = None
        if self.promise is not None and not output.is_error:
            misfit = self.promise.misfit((result.meta or {}).get(STRUCTURED, result.structured_content))
        if misfit is None:
            return output
        place, reason = misfit
        note = f"[The structured content is not what the tool promises: {place or 'it'}: {reason}]"
        return replace(output, content=(*output.content, *ToolOutput.of(note).content))


def _reporter(context: CallContext) -> ProgressFnT:
    lines = itertools.count(1)

    async def report(progress: float, total: float | None, message: str | None) -> None:
        step = "" if total is None else f"{progress:g}/{total:g}"
        text = " ".join(part for part in (step, message) if part) or f"{progress:g}"
        if next(lines) <= MAX_LINES:
            context.progress(clip(text, LINE))

    return report


def _listed_name(tool: Tool) -> str:
    return tool.function.name if isinstance(tool.function, RemoteCall) else tool.name


def _patient(tool: Tool) -> Tool:
    if not isinstance(tool.function, RemoteCall):
        return tool
    return replace(tool, function=replace(tool.function, patience=PATIENCE, may_repeat=tool.is_harmless))


def _with_fallback(tool: Tool, fallback: Tool, warn: Warn, limits: Limits, is_one_of_several: bool) -> Tool:  # noqa: FBT001
    whose = f"Calls of {_listed_name(tool)}" if is_one_of_several else "Its calls"

    async def call(context: CallContext, /, **arguments: Any) -> ToolOutput:
        try:
            output: ToolOutput = await tool.function(context, **arguments)
        except ToolUnavailable as error:
            warn(f"{error}. {whose} are answered by local threads.")
            output = await dispatch.call(fallback, arguments, context, whole(limits))
            return replace(output, served_by=fallback.served_by)
        return output

    return replace(tool, function=call)
