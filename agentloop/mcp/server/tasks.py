"""The tasks extension of MCP (SEP-2663, revision 2026-07-28): a client that declares it receives a task for a run.

The task id is the run's id. Only the owner of the run has access to it. A task whose run has questions has the status
`input_required`. `tasks/update` brings the answers and, in its `_meta`, a note for the agent. Runs are in the memory of
this process (`MemoryRuns`) or in a store (`durable_calls`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, Self, TypeVar

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_NAME_HEADER, decode_header_value
from mcp_types.jsonrpc import HEADER_MISMATCH
from pydantic import BaseModel, Field
from starlette.requests import Request

from agentloop import ConfigurationError, Inbox, ToolError, ToolOutput
from agentloop.delegation_context import EVENTS, NOTE
from agentloop.dispatch import cancel_and_wait
from agentloop.durable.errors import StoreFailed
from agentloop.mcp.server.calls import Call, Context, extensions_of, owner_of
from agentloop.mcp.server.publication import Publication, result_of
from agentloop.mcp.server.questions import OpenQuestions
from agentloop.mcp.server.reports import StatusLine
from agentloop.narration import LINE, clip
from agentloop.run_state import RunState

ID = "io.modelcontextprotocol/tasks"
REVISIONS = frozenset({"2026-07-28"})
POLL, LONGEST_POLL = 500, 5_000
"""Milliseconds that a client should wait between two requests; the interval grows with the age of the task."""


MAX_RUNS = 256
"""Runs in memory, those that work and those that have ended."""
KEPT = 3600.0
"""Seconds for which a run can be polled after its end."""


class TaskParams(types.RequestParams):
    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses", default_factory=dict)


P = TypeVar("P", bound=TaskParams)


class Runs(Protocol):
    """Runs that clients poll: in the memory of this process, or in a store. They have been found before they are used.

    `start` returns when the run can be found, and raises `ToolError` if there cannot be one. `note` raises it if the
    run takes no notes here. `events` are the usage and the events from number `first` on, as `_meta` of a result.
    """

    @property
    def kept(self) -> float:
        """Seconds for which a run can be polled after its end."""
        ...

    def takes(self, call: Call) -> bool:
        """Whether the call is a run for a client that accepts a task."""
        ...

    async def start(self, call: Call) -> RunState: ...
    async def find(self, run_id: str, owner: str) -> RunState | None: ...
    async def cancel(self, run_id: str) -> None: ...
    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None: ...
    def note(self, run_id: str, text: str) -> None: ...
    def events(self, run_id: str, first: int) -> dict[str, Any]: ...


Execute = Callable[..., Coroutine[Any, Any, ToolOutput]]
"""Executes a call: `Publication.run`."""


@dataclass(slots=True, eq=False)
class _Run:
    state: RunState
    questions: OpenQuestions
    work: asyncio.Task[ToolOutput] | None = None
    inbox: Inbox = field(default_factory=Inbox)
    status: StatusLine = field(default_factory=StatusLine)

    def on_end(self, work: asyncio.Task[ToolOutput]) -> None:
        state = replace(self.state, updated=time.time())
        if work.cancelled():
            self.state = replace(state, status="cancelled")
        elif (error := work.exception()) is not None:
            self.state = replace(state, status="failed", error=f"{type(error).__name__}: {error}")
        else:
            self.state = replace(state, status="completed", output=work.result())


@dataclass(slots=True)
class MemoryRuns:
    """Runs that live as long as the block of this, at most `most` of them, and `kept` seconds after their end.

    If there are too many, the one that ended first is dropped, if possible of the owner who starts another.
    """

    execute: Execute
    most: int = MAX_RUNS
    kept: float = KEPT
    _runs: dict[str, _Run] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await cancel_and_wait([run.work for run in self._runs.values() if run.work is not None])

    def takes(self, call: Call) -> bool:
        """Calls of agents, unless they are delegated: their callers receive events while they wait for the result."""
        return call.tool.spec.is_agent and not call.delegation.call

    async def start(self, call: Call) -> RunState:
        call.tool.check(call.arguments)
        self._make_room(call.owner)
        now = time.time()
        questions = OpenQuestions(call.client)
        run = _Run(RunState(secrets.token_hex(20), "working", now, now, call.owner), questions)
        self._runs[run.state.id] = run
        execute = self.execute(call, run.status.on_event, run.status.say, ask=questions.ask, inbox=run.inbox)
        run.work = asyncio.create_task(execute, name=f"task:{call.tool.name}")
        run.work.add_done_callback(run.on_end)
        run.work.add_done_callback(lambda _work: self._drop_later(run.state.id))
        return run.state

    async def find(self, run_id: str, owner: str) -> RunState | None:
        run = self._runs.get(run_id)
        if run is None or run.state.owner != owner:
            return None
        return replace(run.state, message=run.status.text, questions=run.questions.requests)

    async def cancel(self, run_id: str) -> None:
        work = self._runs[run_id].work
        assert work is not None
        work.cancel()

    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None:
        self._runs[run_id].questions.answer(responses)

    def note(self, run_id: str, text: str) -> None:
        self._runs[run_id].inbox.send(text)

    def events(self, _run_id: str, _first: int) -> dict[str, Any]:
        """None: callers that want events are answered without a task."""
        return {}

    def _make_room(self, owner: str) -> None:
        if len(self._runs) < self.most:
            return
        ended = [run.state for run in self._runs.values() if run.state.status != "working"]
        if not ended:
            raise ToolError("The server is full: too many agent calls are running and waiting. Try again later.")
        del self._runs[min(ended, key=lambda state: (state.owner != owner, state.updated)).id]

    def _drop_later(self, run_id: str) -> None:
        asyncio.get_running_loop().call_later(self.kept, self._runs.pop, run_id, None)


class Tasks:
    """Implements the methods of the extension for `runs`."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def install(self, server: Server[Any], publication: Publication) -> None:
        """Declare the extension, add the handlers of its methods, and let calls become tasks."""
        server.extensions[ID] = {}
        publication.create_task = self.create_task
        server.add_request_handler("tasks/get", TaskParams, self._guarded(self._get))
        server.add_request_handler("tasks/cancel", TaskParams, self._guarded(self._cancel))
        server.add_request_handler("tasks/update", UpdateParams, self._guarded(self._update))

    async def create_task(self, context: Context, call: Call) -> dict[str, Any] | None:
        """Start the run, or join it, and return its task; None if the client does not accept tasks."""
        is_accepted = context.protocol_version in REVISIONS and ID in extensions_of(context)
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
                is_old = state is not None and time.time() - state.updated > self._runs.kept
                if state is None or (is_old and state.status != "working"):
                    raise MCPError(types.INVALID_PARAMS, "There is no such task, or it is no longer stored.")
                return await answer(context, state, params)
            except StoreFailed as error:
                raise MCPError(types.INTERNAL_ERROR, str(error)) from error

        return guarded

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
        if note is None:
            return {"resultType": "complete"}
        if not isinstance(note, str):
            raise MCPError(types.INVALID_PARAMS, f"`_meta` has a {NOTE} that is not a text.")
        if state.status != "working":
            raise MCPError(types.INVALID_PARAMS, "The task has ended, so nobody reads the note.")
        try:
            self._runs.note(state.id, note)
        except (ToolError, ConfigurationError) as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        return {"resultType": "complete"}

    def _task(self, state: RunState) -> dict[str, Any]:
        task: dict[str, Any] = {
            "taskId": state.id,
            "status": state.status,
            "createdAt": _time(state.created),
            "lastUpdatedAt": _time(state.updated),
            "ttlMs": round((state.updated - state.created + self._runs.kept) * 1000),
            "pollIntervalMs": max(POLL, min(round((time.time() - state.created) * 50), LONGEST_POLL)),
        }
        if state.status == "working" and state.message is not None:
            task["statusMessage"] = clip(state.message, LINE)
        if state.status == "working" and state.questions:
            requests = {key: _json(each) for key, each in state.questions.items()}
            task |= {"status": "input_required", "inputRequests": requests}
        if state.status == "completed":
            task["result"] = {**_json(result_of(output_of(state))), "resultType": "complete"}
        if state.status == "failed":
            task["error"] = {"code": types.INTERNAL_ERROR, "message": state.error or "The run failed."}
        return task


def _check_declared(context: Context) -> None:
    """Raise `MCPError` unless the client declares the extension."""
    if ID in extensions_of(context):
        return
    needed = types.ClientCapabilities(extensions={ID: {}})
    data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
    raise MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        f"The client did not declare the extension {ID}.",
        _json(data),
    )


def _check_name(context: Context, task_id: str) -> None:
    """Raise `MCPError` unless the header from which routers read the id over HTTP, if there is one, is `task_id`.

    The SDK checks it only for standard methods.
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


def _json(value: BaseModel) -> dict[str, Any]:
    return value.model_dump(by_alias=True, mode="json", exclude_none=True)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
