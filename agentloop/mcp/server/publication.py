"""The tools and agents that an MCP server publishes.

The SDK's low-level server does not validate arguments, so they are checked here. Agents are async tools, because a sync
function cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

import anyio
from mcp import types
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import X_MCP_HEADER_KEY
from mcp.types import BlobResourceContents, ContentBlock, EmbeddedResource, ImageContent, TextContent
from mcp.types import TextResourceContents as TextResource
from starlette.requests import Request

from agentloop import (
    Agent,
    CallContext,
    ConfigurationError,
    Inbox,
    Ledger,
    Limits,
    QuestionHandler,
    RunScope,
    Tool,
    ToolError,
    ToolOutput,
    ToolSpec,
    create_agent_tool_async,
    dispatch,
    exact_json,
    logs,
)
from agentloop.delegation_context import EVENTS, STEPS, DelegationContext
from agentloop.dispatch import cancel_and_wait
from agentloop.events import EventHandler, fan_out, ignore
from agentloop.exact_json import is_encodable
from agentloop.limits import deadline_after
from agentloop.mcp import exact_arguments, sdk_compat
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS, Admission, RateLimit
from agentloop.mcp.server.calls import (
    Call,
    Context,
    check_size,
    client_of,
    delegation_of,
    key_of,
    owner_of,
)
from agentloop.mcp.server.questions import OpenQuestions, RunningCall, RunningCalls, asks_client
from agentloop.mcp.server.reports import CallReport, Channel, reporting
from agentloop.mcp.server.timeline_app import add_timeline, timeline_for, with_app
from agentloop.messages import Block
from agentloop.rate_limiter import RateLimiter

MAX_STRUCTURED = 500_000
"""Characters of one result's structured content as JSON, and of what it has in `_meta`."""

LIMITS, AGENT_LIMITS = Limits(), Limits(tool_timeout=24 * 3600.0)
"""For a call of a function, and of an agent: its own limits end that earlier, so that it can say what it has spent."""

Result = types.CallToolResult | types.InputRequiredResult
_GONE = ToolOutput.error("The client has disconnected.")
_log = logging.getLogger(__name__)


CreateTask = Callable[[Context, Call], Awaitable[dict[str, Any] | None]]
"""Starts the call and returns its task, for a client that accepts one instead of the result; otherwise None."""


class DurableRunner(Protocol):
    """Executes the calls that it takes as durable runs."""

    def takes(self, call: Call) -> bool: ...
    async def run(self, call: Call, on_event: EventHandler, ask: QuestionHandler | None) -> ToolOutput: ...


async def _no_task(_context: Context, _call: Call) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server treats the calls of its clients.

    At most `max_agents` agent calls run at once, others wait; calls of functions never wait for them. A client may make
    `calls_per_minute` calls, and as many requests that list or read. `trace` receives the events of every call.
    """

    max_agents: int = MAX_AGENTS
    calls_per_minute: int = CALLS_PER_MINUTE
    trace: EventHandler = ignore


DEFAULTS = ServerOptions()


class Publication:
    """The tools and agents that a server publishes. A `durable_runner` executes those that are durable.

    Raises:
        ConfigurationError: two tools have the same name, or one has a text that no client could read.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        agents: Sequence[Agent] = (),
        *,
        options: ServerOptions = DEFAULTS,
        durable_runner: DurableRunner | None = None,
    ) -> None:
        self._durable_runner = durable_runner
        published = [*tools, *(create_agent_tool_async(agent) for agent in agents)]
        self._tools = {tool.name: tool for tool in published}
        self._admission = Admission(options.max_agents)
        self._rate = RateLimit(options.calls_per_minute)
        self._read_rate = RateLimit(options.calls_per_minute)
        self._rate_limiter = RateLimiter()
        self.create_task: CreateTask = _no_task
        self._trace = options.trace
        if len(self._tools) < len(published):
            names = Counter(tool.name for tool in published)
            twice = sorted(name for name, count in names.items() if count > 1)
            raise ConfigurationError(f"More than one tool is published as {', '.join(twice)}.")
        for tool in published:
            if not is_encodable(json.dumps(tool.spec.to_json(), ensure_ascii=False, default=str)):
                raise ConfigurationError(f"{tool.name} has half a character (a lone surrogate) in its texts.")

    @cached_property
    def _listings(self) -> list[types.Tool]:
        return [types.Tool.model_validate(_published(tool).to_json()) for tool in self._tools.values()]

    async def list_tools(self, context: Context, _page: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        await self.admit_read(context)
        tools = [
            with_app(context, listing) if self._tools[listing.name].spec.is_agent else listing
            for listing in self._listings
        ]
        return types.ListToolsResult(tools=tools)

    async def admit_read(self, context: Context) -> None:
        """Count a request that lists or reads something; `MCPError` is raised if its owner has made too many."""
        try:
            await self._read_rate.admit(owner_of(context))
        except ToolError as error:
            raise MCPError(types.INVALID_REQUEST, str(error)) from None

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The schema of a tool with arguments that are also sent as headers; None for any other name."""
        schema = dict(self._tools[name].spec.input_schema) if name in self._tools else None
        return schema if X_MCP_HEADER_KEY in json.dumps(schema) else None

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> Any:
        """Answer `tools/call`: with a result, the next questions of the call, or a task."""
        try:
            if params.request_state is not None:
                await self._rate.admit(owner_of(context))
                running: RunningCalls = context.lifespan_context
                waiting = running.find(params.request_state, owner_of(context))
                waiting.questions.answer(params.input_responses or {})
                return await self._go_on(context, waiting)
            call = await self._admit(context, params)
            task = await self.create_task(context, call)
        except ToolError as error:
            return result_of(ToolOutput.error(str(error)))
        return task or await self._go_on(context, self._begin(context, call))

    async def _admit(self, context: Context, params: types.CallToolRequestParams) -> Call:
        await self._rate.admit(owner_of(context))
        if params.name not in self._tools:
            raise ToolError(f"There is no tool named {params.name[:100]!r}. Available: {', '.join(self._tools)}.")
        arguments = exact_arguments.of_call(params.arguments, context.request)
        check_size(arguments)
        meta = context.meta or {}
        tool, owner = self._tools[params.name], owner_of(context)
        return Call(tool, arguments, owner, key_of(meta), delegation_of(meta), client_of(context))

    def _begin(self, context: Context, call: Call) -> RunningCall:
        """Begin to execute the call. If its client calls again with answers, it waits for those between requests."""
        delegation = call.delegation
        timeline = timeline_for(context) if call.tool.spec.is_agent else None
        report = CallReport(call.tool.name, _channel(context, delegation))
        emit = report.on_event if timeline is None else fan_out(report.on_event, timeline.on_event)
        began = time.monotonic()

        def finish(output: ToolOutput) -> types.CallToolResult:
            result = result_of(output)
            seconds = round(time.monotonic() - began, 3)
            logs.info(_log, "call answered", tool=call.tool.name, seconds=seconds, is_error=result.is_error)
            if delegation.call and delegation.events:
                result.meta = {**(result.meta or {}), EVENTS: {"count": report.event_count, "rest": report.rest}}
            if timeline is not None:
                add_timeline(result, timeline)
            return result

        running: RunningCalls = context.lifespan_context
        questions = OpenQuestions(call.client, delegation.call)
        calls_again = call.client.is_modern and call.client.can_ask and not running.is_full
        ask = questions.ask if calls_again else asks_client(context, delegation.call)
        work = asyncio.create_task(self.run(call, emit, report.say, ask=ask), name="call")
        return RunningCall(call.owner, delegation, report, questions, work, finish)

    async def _go_on(self, context: Context, call: RunningCall) -> Result:
        """The result of the call, or its next questions."""
        running: RunningCalls = context.lifespan_context
        is_gone = True
        async with running.attended(call):
            async with reporting(call.report, _channel(context, call.delegation)), _while_client_stays(context):
                await call.has_news()
                is_gone, call.report.is_paused = False, not call.work.done()
            if is_gone:
                await cancel_and_wait([call.work])
        if is_gone or call.work.cancelled():
            return call.finish(_GONE)
        return call.finish(call.work.result()) if call.work.done() else call.input_required

    async def run(
        self,
        call: Call,
        emit: EventHandler,
        progress: Callable[[str], None],
        *,
        ask: QuestionHandler | None = None,
        inbox: Inbox | None = None,
    ) -> ToolOutput:
        """Execute an admitted call as soon as there is a place for it. `emit` receives its events."""
        delegation = call.delegation
        deadline = None if delegation.seconds is None else deadline_after(delegation.seconds)
        scope = RunScope(
            emit=emit,
            trace=self._trace,
            owner=call.owner,
            depth=delegation.depth,
            ledger=Ledger(delegation.budget),
            rate_limiter=self._rate_limiter,
            inbox=inbox,
            remote_text=delegation.text,
        )
        try:
            async with self._admission.place(ask) if call.tool.spec.is_agent else nullcontext(ask) as asking:
                if self._durable_runner is not None and self._durable_runner.takes(call):
                    return await self._durable_runner.run(call, emit, asking)
                context = CallContext(progress=progress, deadline=deadline, scope=replace(scope, ask=asking))
                limits = AGENT_LIMITS if call.tool.spec.is_agent else LIMITS
                return await dispatch.call(call.tool, call.arguments, context, limits)
        except ToolError as error:
            return ToolOutput.error(str(error))


def _published(tool: Tool) -> ToolSpec:
    """The specification of a tool, without hints that are not believed here: nobody else should believe them."""
    if tool.is_trusted:
        return tool.spec
    return replace(tool.spec, read_only=None, destructive=None, idempotent=None, open_world=None)


@asynccontextmanager
async def _while_client_stays(context: Context) -> AsyncIterator[None]:
    """Cancel the block when the client disconnects: `web` sets the event `left` in the state of its request."""
    left = getattr(context.request.state, "left", None) if isinstance(context.request, Request) else None
    if left is None:
        yield
        return
    with anyio.CancelScope() as scope:
        watching = asyncio.create_task(left.wait())
        watching.add_done_callback(lambda done: None if done.cancelled() else scope.cancel())
        try:
            yield
        finally:
            await cancel_and_wait([watching])


def _channel(context: Context, delegation: DelegationContext) -> Channel:
    """How the client of the request is reached while its call runs."""

    async def notify(method: str, params: dict[str, Any]) -> None:
        await sdk_compat.send_notification(context, method, params)

    events = delegation.events
    return Channel(context.session.report_progress, notify, delegation.call, events, text=events and delegation.text)


def result_of(output: ToolOutput) -> types.CallToolResult:
    """The MCP result of a tool's output."""
    if output.structured is not None and len(exact_json.dumps(output.structured)) > MAX_STRUCTURED:
        output = ToolOutput.error(f"The result is larger than {MAX_STRUCTURED:,} characters. Ask for less at once.")
    meta = output.meta
    if meta is not None and len(exact_json.dumps(meta)) > MAX_STRUCTURED:
        meta = {key: value for key, value in meta.items() if key != STEPS}
    return types.CallToolResult(
        _meta=None if meta is None else dict(meta),
        content=content_of(output),
        structured_content=output.structured,
        is_error=output.is_error,
    )


def content_of(output: ToolOutput) -> list[ContentBlock]:
    """The content, texts that follow each other as one. Images and documents are what they are; others are named."""
    content: list[ContentBlock] = []
    for is_other, blocks in itertools.groupby(output.content, key=_is_sendable):
        if is_other:
            content += [_content(number, block) for number, block in enumerate(blocks, len(content) + 1)]
        else:
            content.append(TextContent(text=ToolOutput(tuple(blocks)).text))
    return content or [TextContent(text="")]


def _is_sendable(block: Block) -> bool:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    return (block.get("type"), kind) in {("image", "base64"), ("document", "base64"), ("document", "text")}


def _content(number: int, block: Block) -> ContentBlock:
    source: dict[str, Any] = block["source"]
    data, media_type = source["data"], source["media_type"]
    if block["type"] == "image":
        return ImageContent(data=data, mime_type=media_type)
    uri = f"attachment:///{number}/{quote(block.get('title') or 'document', safe='')}"
    if source["type"] == "text":
        return EmbeddedResource(resource=TextResource(uri=uri, mime_type=media_type, text=data))
    return EmbeddedResource(resource=BlobResourceContents(uri=uri, mime_type=media_type, blob=data))
