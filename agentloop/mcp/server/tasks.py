"""The tasks extension of MCP (SEP-2663, revision 2026-07-28): a client that declares it receives a task for a run.

The task id is the run's id. Only the owner of the run has access to it. A task whose run has questions has the status
`input_required`. `tasks/update` brings the answers and, in its `_meta`, a note for the agent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_NAME_HEADER, decode_header_value
from mcp_types.jsonrpc import HEADER_MISMATCH
from pydantic import Field
from starlette.requests import Request

from agentloop import ToolError, ToolOutput
from agentloop.delegation_context import EVENTS, NOTE
from agentloop.durable.errors import StoreFailed
from agentloop.mcp.server.publication import Call, Context, Publication, owner_of, result_of
from agentloop.narration import LINE, clip
from agentloop.run_state import RunState

ID = "io.modelcontextprotocol/tasks"
REVISIONS = frozenset({"2026-07-28"})
POLL, LONGEST_POLL = 500, 5_000
"""Milliseconds that a client should wait between two requests; the interval grows with the age of the task."""


class TaskParams(types.RequestParams):
    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses", default_factory=dict)


P = TypeVar("P", bound=TaskParams)


class Runs(Protocol):
    """Runs that clients poll: in the memory of this process, or in a store."""

    @property
    def kept(self) -> float:
        """Seconds for which a run can be polled after its end."""
        ...

    def takes(self, call: Call) -> bool:
        """Whether the call is a run for a client that accepts a task."""
        ...

    async def start(self, call: Call) -> RunState:
        """Start a run, or join it, and do not wait for its end. It can be found when this returns.

        Raises:
            ToolError: the arguments are invalid, the key was used with others, or there is no room for the run.
        """
        ...

    async def find(self, run_id: str, owner: str) -> RunState | None:
        """The run of that id, or None: there is none, or it is another owner's."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Stop a run that works. It may still complete."""
        ...

    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None:
        """Receive answers to questions of the run. What answers no question is ignored."""
        ...

    def note(self, run_id: str, text: str) -> None:
        """Pass a note of the user on to a run that works.

        Raises:
            ToolError: the run takes no notes here, or not this one.
        """
        ...

    def events(self, run_id: str, first: int) -> dict[str, Any]:
        """The usage and the events from number `first` on, as `_meta` of a `tasks/get` result."""
        ...


def _declares(context: Context) -> bool:
    """Whether the client accepts tasks."""
    capabilities = context.session.client_capabilities
    return ID in ((capabilities.extensions if capabilities else None) or {})


class Tasks:
    """Implements the methods of the extension for `runs`."""

    def __init__(self, runs: Runs) -> None:
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
        is_accepted = context.protocol_version in REVISIONS and _declares(context)
        if not is_accepted or not self._runs.takes(call):
            return None
        return {"resultType": "task", **self._task(await self._runs.start(call))}

    def _guarded(self, answer: Callable[[Context, RunState, P], Awaitable[dict[str, Any]]]) -> Any:
        async def guarded(context: Context, params: P) -> dict[str, Any]:
            if context.protocol_version not in REVISIONS:
                raise MCPError(types.METHOD_NOT_FOUND, "Method not found", context.method)
            _check_declared(context)
            _check_name(context, params.task_id)
            try:
                state = await self._runs.find(params.task_id, owner_of(context))
                if state is None or self._is_expired(state):
                    raise MCPError(types.INVALID_PARAMS, "There is no such task, or it is no longer stored.")
                return await answer(context, state, params)
            except StoreFailed as error:
                raise MCPError(types.INTERNAL_ERROR, str(error)) from error

        return guarded

    def _is_expired(self, state: RunState) -> bool:
        age = datetime.now(UTC).timestamp() - state.updated
        return state.status != "working" and age > self._runs.kept

    async def _get(self, context: Context, state: RunState, _params: TaskParams) -> dict[str, Any]:
        """The task. If the request's `_meta` has an event's number, `_meta` has the usage and the events from it on."""
        task = {"resultType": "complete", **self._task(state)}
        first = (context.meta or {}).get(EVENTS)
        if isinstance(first, int) and first >= 0:
            task["_meta"] = self._runs.events(state.id, first)
        return task

    async def _cancel(self, _context: Context, state: RunState, _params: TaskParams) -> dict[str, Any]:
        if state.status == "working":
            await self._runs.cancel(state.id)
        return {"resultType": "complete"}

    async def _update(self, context: Context, state: RunState, params: UpdateParams) -> dict[str, Any]:
        if state.status == "working":
            self._runs.answer(state.id, params.input_responses)
        note = (context.meta or {}).get(NOTE)
        if note is not None:
            self._note(state, note)
        return {"resultType": "complete"}

    def _note(self, state: RunState, note: object) -> None:
        if not isinstance(note, str):
            raise MCPError(types.INVALID_PARAMS, f"`_meta` has a {NOTE} that is not a text.")
        if state.status != "working":
            raise MCPError(types.INVALID_PARAMS, "The task has ended, so nobody reads the note.")
        try:
            self._runs.note(state.id, note)
        except ToolError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None

    def _task(self, state: RunState) -> dict[str, Any]:
        task: dict[str, Any] = {
            "taskId": state.id,
            "status": state.status,
            "createdAt": _time(state.created),
            "lastUpdatedAt": _time(state.updated),
            "ttlMs": round((state.updated - state.created + self._runs.kept) * 1000),
            "pollIntervalMs": _poll(state),
        }
        if state.status == "working" and state.message is not None:
            task["statusMessage"] = clip(state.message, LINE)
        if state.status == "working" and state.questions:
            questions = state.questions.items()
            requests = {key: each.model_dump(by_alias=True, mode="json", exclude_none=True) for key, each in questions}
            task |= {"status": "input_required", "inputRequests": requests}
        if state.status == "completed":
            task["result"] = _result(output_of(state))
        if state.status == "failed":
            task["error"] = {"code": types.INTERNAL_ERROR, "message": state.error or "The run failed."}
        return task


def _check_declared(context: Context) -> None:
    """Check that the client declares the extension. The SDK's own check is in the module of its other server.

    Raises:
        MCPError: it does not.
    """
    if _declares(context):
        return
    needed = types.ClientCapabilities(extensions={ID: {}})
    data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
    raise MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        f"The client did not declare the extension {ID}.",
        data.model_dump(by_alias=True, mode="json", exclude_none=True),
    )


def _check_name(context: Context, task_id: str) -> None:
    """Check the header from which routers read the id over HTTP; the SDK checks it only for standard methods.

    Raises:
        MCPError: the header is missing or differs from `task_id`.
    """
    # Messages of the older SSE transport have none of these headers.
    if not isinstance(context.request, Request) or MCP_METHOD_HEADER not in context.request.headers:
        return
    if decode_header_value(context.request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(HEADER_MISMATCH, f"The {MCP_NAME_HEADER} header is not the request's taskId.")


def output_of(state: RunState) -> ToolOutput:
    """The output of a run that has ended."""
    if state.output is not None:
        return state.output
    return ToolOutput.error(
        "The run was cancelled." if state.status == "cancelled" else f"The run failed: {state.error}"
    )


def _result(output: ToolOutput) -> Mapping[str, Any]:
    result = result_of(output).model_dump(by_alias=True, mode="json", exclude_none=True)
    return {**result, "resultType": "complete"}


def _poll(state: RunState) -> int:
    age = datetime.now(UTC).timestamp() - state.created
    return max(POLL, min(round(age * 50), LONGEST_POLL))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
