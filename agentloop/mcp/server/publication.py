"""The tools and agents that an MCP server publishes.

The SDK's low-level server does not validate arguments, so they are checked here. Agents are async tools, because a sync
function cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import anyio
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import X_MCP_HEADER_KEY
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
from agentloop.clock_offsets import clock_now
from agentloop.delegation_context import AGENT, CALL, CLOCK, EVENTS, STEPS, DelegationContext
from agentloop.dispatch import cancel_and_wait
from agentloop.events import EventHandler, fan_out, ignore
from agentloop.limits import deadline_after
from agentloop.mcp import exact_arguments, sdk_compat
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS, Admission, RateLimit
from agentloop.mcp.server.call_checks import check_size, delegation_of, key_of
from agentloop.mcp.server.content import content_of
from agentloop.mcp.server.owners import owner_of_request
from agentloop.mcp.server.questions import (
    ANYBODY,
    OpenQuestions,
    QuestionClient,
    RunningCall,
    RunningCalls,
    asks_client,
    calls_again,
    client_of,
)
from agentloop.mcp.server.reports import CallReport, Channel, EventBatcher, reporting
from agentloop.mcp.server.timeline_app import add_timeline, timeline_for, with_app
from agentloop.rate_limiter import RateLimiter

MAX_STRUCTURED = 500_000
"""Characters of one result's structured content as JSON, and of what it has in `_meta`."""

LIMITS = Limits()

Context = ServerRequestContext[Any, Any]
Result = types.CallToolResult | types.InputRequiredResult
_GONE = ToolOutput.error("The client has disconnected.")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted call. Only `owner` has access to its run; `key` is the idempotency key, if there is one.

    `is_delegated`: the caller sent a delegation context. `client` is what the client does with questions.
    """

    tool: Tool
    arguments: Mapping[str, Any]
    owner: str
    key: str | None
    delegation: DelegationContext
    is_delegated: bool = False
    client: QuestionClient = ANYBODY


CreateTask = Callable[[Context, Call], Awaitable[dict[str, Any] | None]]
"""Starts the call and returns its task, for a client that accepts one instead of the result; otherwise None."""


class DurableRunner(Protocol):
    """Executes the calls of some tools as durable runs."""

    def is_durable(self, tool: str) -> bool: ...

    async def run(self, call: Call, on_event: EventHandler, ask: QuestionHandler | None) -> ToolOutput:
        """Run an agent to its end, or join the run of the same owner and key. `ask` answers its questions.

        Raises:
            ToolError: the arguments are invalid, or the key was used with others.
        """
        ...


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
        ConfigurationError: two tools have the same name.
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
        schemas = {tool.name: dict(tool.spec.input_schema) for tool in published}
        self._in_headers = {name: schema for name, schema in schemas.items() if X_MCP_HEADER_KEY in json.dumps(schema)}
        self._admission = Admission(options.max_agents)
        self._rate = RateLimit(options.calls_per_minute)
        self._read_rate = RateLimit(options.calls_per_minute)
        self._rate_limiter = RateLimiter()
        self._batcher = EventBatcher()
        self._trace = options.trace
        if len(self._tools) < len(published):
            names = [tool.name for tool in published]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ConfigurationError(f"More than one tool is published as {', '.join(twice)}.")

    @cached_property
    def _listings(self) -> list[types.Tool]:
        return [types.Tool.model_validate(_published(tool).to_json()) for tool in self._tools.values()]

    async def list_tools(self, context: Context, _page: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        await self.admit_read(context)
        result = types.ListToolsResult(
            tools=[
                with_app(context, listing) if self._tools[listing.name].spec.is_agent else listing
                for listing in self._listings
            ]
        )
        if _speaks_ours(context):
            result.meta = {CLOCK: clock_now()}
        return result

    async def admit_read(self, context: Context) -> None:
        """Count a request that lists or reads something.

        Raises:
            MCPError: its owner has made too many.
        """
        try:
            await self._read_rate.admit(owner_of(context))
        except ToolError as error:
            raise MCPError(types.INVALID_REQUEST, str(error)) from None

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The schema of a tool with arguments that are also sent as headers; None for any other name."""
        return self._in_headers.get(name)

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> Result:
        """Answer `tools/call`."""
        try:
            if params.request_state is not None:
                await self._rate.admit(owner_of(context))
                running: RunningCalls = context.lifespan_context
                waiting = running.find(params.request_state, owner_of(context))
                waiting.questions.answer(params.input_responses or {})
                return await self._go_on(context, waiting)
            call = await self._admit(context, params)
        except ToolError as error:
            return result_of(ToolOutput.error(str(error)))
        return await self._answer(context, call)

    async def call_tool_or(
        self, create_task: CreateTask, context: Context, params: types.CallToolRequestParams
    ) -> Result | dict[str, Any]:
        """Answer `tools/call`, with a task if `create_task` returns one."""
        if params.request_state is not None:
            return await self.call_tool(context, params)
        try:
            call = await self._admit(context, params)
            handle = await create_task(context, call)
        except ToolError as error:
            return result_of(ToolOutput.error(str(error)))
        return handle or await self._answer(context, call)

    async def _admit(self, context: Context, params: types.CallToolRequestParams) -> Call:
        await self._rate.admit(owner_of(context))
        tool = self._tool(params.name)
        arguments = exact_arguments.of_call(params.arguments, context.request)
        check_size(arguments)
        meta = context.meta or {}
        return Call(
            tool,
            arguments,
            owner_of(context),
            key_of(meta),
            delegation_of(meta),
            is_delegated=CALL in meta,
            client=client_of(context),
        )

    async def _answer(self, context: Context, call: Call) -> Result:
        """Execute the call until it ends or, if the client calls again with answers, has a question."""
        delegation = call.delegation
        timeline = timeline_for(context) if call.tool.spec.is_agent else None
        # Over HTTP each call has a connection of its own.
        batcher = self._batcher if context.request is None else EventBatcher()
        report = CallReport(call.tool.name, _channel(context, delegation), batcher)
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
        if calls_again(context) and not running.is_full:
            questions = OpenQuestions(call.client, delegation.call)
            work = asyncio.create_task(self.run(call, emit, report.say, ask=questions.ask), name="call")
            begun = RunningCall(call.owner, delegation, report, questions, work, finish)
            return await self._go_on(context, running.add(begun))
        output = _GONE
        async with reporting(report, _channel(context, delegation)), _while_client_stays(context):
            output = await self.run(call, emit, report.say, ask=asks_client(context, delegation.call))
        return finish(output)

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
        limits: Limits = LIMITS,
        *,
        ask: QuestionHandler | None = None,
        inbox: Inbox | None = None,
    ) -> ToolOutput:
        """Execute an admitted call as soon as there is a place for it. `emit` receives its events."""
        delegation = call.delegation
        circumstances = CallContext(
            progress=progress,
            deadline=None if delegation.seconds is None else deadline_after(delegation.seconds),
            scope=RunScope(
                emit=emit,
                trace=self._trace,
                owner=call.owner,
                depth=delegation.depth,
                ledger=Ledger(delegation.budget),
                rate_limiter=self._rate_limiter,
                inbox=inbox,
                remote_text=delegation.text,
            ),
        )
        try:
            async with self._place(call.tool, ask) as asking:
                circumstances = replace(circumstances, scope=replace(circumstances.scope, ask=asking))
                if self._durable_runner is not None and self._is_durable(call.tool):
                    return await self._durable_runner.run(call, emit, asking)
                return await dispatch.call(call.tool, call.arguments, circumstances, limits)
        except ToolError as error:
            return ToolOutput.error(str(error))

    def _is_durable(self, tool: Tool) -> bool:
        return self._durable_runner is not None and self._durable_runner.is_durable(tool.name)

    def _tool(self, name: str) -> Tool:
        if name not in self._tools:
            raise ToolError(f"There is no tool named {name[:100]!r}. Available: {', '.join(self._tools)}.")
        return self._tools[name]

    @asynccontextmanager
    async def _place(self, tool: Tool, ask: QuestionHandler | None) -> AsyncIterator[QuestionHandler | None]:
        """Wait for a place for an agent. Yields the handler that gives it up while it asks."""
        if tool.spec.is_agent:
            async with self._admission.place() as without_place:
                yield ask and without_place(ask)
        else:
            yield ask


def _published(tool: Tool) -> ToolSpec:
    """The specification of a tool, without hints that are not believed here: nobody else should believe them."""
    if tool.is_trusted:
        return tool.spec
    return replace(tool.spec, read_only=None, destructive=None, idempotent=None, open_world=None)


def _speaks_ours(context: Context) -> bool:
    """Whether the client declares the extension of `agentloop.delegation_context`."""
    capabilities = context.session.client_capabilities
    return AGENT in ((capabilities.extensions if capabilities else None) or {})


def owner_of(context: Context) -> str:
    """The owner of the request: see `owners`."""
    return owner_of_request(context.request)


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
