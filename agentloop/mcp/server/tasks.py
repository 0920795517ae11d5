"""The tasks extension of MCP (SEP-2663, revision 2026-07-28): a client that declares it receives a task for a run.

The task id is the run's id. The run is stored before the client receives the task, and any server with the same store
accepts it, from the owner of the run only. Tasks never need input: `tasks/update` is acknowledged and has no effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.jsonrpc import HEADER_MISMATCH
from pydantic import Field
from starlette.requests import Request

from agentloop import ToolOutput
from agentloop.delegation_context import EVENTS, SPENT
from agentloop.durable.errors import StoreFailed
from agentloop.durable.runs import RunState
from agentloop.mcp.server.durable_calls import DurableCalls, output_of
from agentloop.mcp.server.get_run import GET_RUN
from agentloop.mcp.server.publication import Call, Context, Publication, owner_of, result_of
from agentloop.narration import LINE, clip

ID = "io.modelcontextprotocol/tasks"
REVISIONS = frozenset({"2026-07-28"})
POLL, LONGEST_POLL = 500, 5_000
"""Milliseconds that a client should wait between two requests; the interval grows with the age of the task."""


class TaskParams(types.RequestParams):
    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses", default_factory=dict)


def declares(context: Context) -> bool:
    """Whether the client accepts tasks."""
    capabilities = context.session.client_capabilities
    extensions = (capabilities.extensions if capabilities else None) or {}
    return context.protocol_version in REVISIONS and ID in extensions


class Tasks:
    """Implements the methods of the extension for durable runs."""

    def __init__(self, runs: DurableCalls) -> None:
        self._runs = runs

    def install(self, server: Server[Any], publication: Publication) -> None:
        """Declare the extension, and add the handlers of its methods and of `tools/call`."""
        server.extensions[ID] = {}
        call_tool = partial(publication.call_tool_or, self.create_task)
        server.add_request_handler("tools/call", types.CallToolRequestParams, call_tool)
        server.add_request_handler("tasks/get", TaskParams, self._guarded(self._get))
        server.add_request_handler("tasks/cancel", TaskParams, self._guarded(self._cancel))
        server.add_request_handler("tasks/update", UpdateParams, self._guarded(self._update))

    async def create_task(self, context: Context, call: Call) -> dict[str, Any] | None:
        """Start the run, or join it, and return its task; None if the client does not accept tasks."""
        if not declares(context) or call.tool.name == GET_RUN:
            return None
        return {"resultType": "task", **self._task(await self._runs.start(call))}

    def _guarded(self, answer: Callable[[Context, RunState], Awaitable[dict[str, Any]]]) -> Any:
        async def guarded(context: Context, params: TaskParams) -> dict[str, Any]:
            if context.protocol_version not in REVISIONS:
                raise MCPError(types.METHOD_NOT_FOUND, "Method not found", context.method)
            require_client_extension(context, ID)
            _check_name(context, params.task_id)
            try:
                state = await self._runs.engine.find(params.task_id, owner_of(context))
                if state is None or self._is_expired(state):
                    raise MCPError(types.INVALID_PARAMS, "There is no such task, or it is no longer stored.")
                return await answer(context, state)
            except StoreFailed as error:
                raise MCPError(types.INTERNAL_ERROR, str(error)) from error

        return guarded

    def _is_expired(self, state: RunState) -> bool:
        age = datetime.now(UTC).timestamp() - state.created
        return state.status != "working" and age > self._runs.engine.kept

    async def _get(self, context: Context, state: RunState) -> dict[str, Any]:
        """The task. If the request's `_meta` has an event's number, `_meta` has the usage and the events from it on."""
        task = {"resultType": "complete", **self._task(state)}
        first, history = (context.meta or {}).get(EVENTS), self._runs.history(state.id)
        if isinstance(first, int) and first >= 0 and history is not None:
            message, _next = history.message(first)
            task["_meta"] = {EVENTS: message, SPENT: history.usage.to_json()}
        return task

    async def _cancel(self, _context: Context, state: RunState) -> dict[str, Any]:
        if state.status == "working":
            await self._runs.engine.cancel(state.id)
        return {"resultType": "complete"}

    async def _update(self, _context: Context, _state: RunState) -> dict[str, Any]:
        return {"resultType": "complete"}

    def _task(self, state: RunState) -> dict[str, Any]:
        task: dict[str, Any] = {
            "taskId": state.id,
            "status": state.status,
            "createdAt": _time(state.created),
            "lastUpdatedAt": _time(state.updated),
            "ttlMs": round(self._runs.engine.kept * 1000),
            "pollIntervalMs": _poll(state),
        }
        history = self._runs.history(state.id)
        if state.status == "working" and history is not None and history.line is not None:
            task["statusMessage"] = clip(history.line, LINE)
        if state.status == "completed":
            task["result"] = _result(output_of(state))
        if state.status == "failed":
            task["error"] = {"code": types.INTERNAL_ERROR, "message": state.error or "The run failed."}
        return task


def _check_name(context: Context, task_id: str) -> None:
    """Check the header from which routers read the id over HTTP; the SDK checks it only for standard methods.

    Raises:
        MCPError: the header is missing or differs from `task_id`.
    """
    if not isinstance(context.request, Request):
        return
    if decode_header_value(context.request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(HEADER_MISMATCH, f"The {MCP_NAME_HEADER} header is not the request's taskId.")


def _result(output: ToolOutput) -> Mapping[str, Any]:
    result = result_of(output).model_dump(by_alias=True, mode="json", exclude_none=True)
    return {**result, "resultType": "complete"}


def _poll(state: RunState) -> int:
    age = datetime.now(UTC).timestamp() - state.created
    return max(POLL, min(round(age * 50), LONGEST_POLL))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
