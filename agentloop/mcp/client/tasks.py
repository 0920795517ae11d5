"""The client's side of the tasks extension of MCP (SEP-2663): a task that a server hands out is waited for here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Literal, Protocol

from mcp import MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.types import INTERNAL_ERROR, CallToolResult, EmptyResult, Request, RequestParams, Result
from pydantic import BaseModel, Field, Json, ValidationError

from agentloop import Usage
from agentloop.event_bounds import MAX_NAME
from agentloop.far_clocks import Told
from agentloop.handover import EVENTS, SPENT
from agentloop.relay import Incoming

ID = "io.modelcontextprotocol/tasks"
POLL = 0.5
"""Seconds between two looks if the server does not say."""
LONGEST_POLL = 10.0
CANCEL_TIMEOUT = 2.0


class Listener(Protocol):
    """Hears what a server tells of a running call to an agent."""

    def spent(self, usage: Usage) -> None: ...

    @property
    def events(self) -> Incoming: ...


listening: ContextVar[Listener | None] = ContextVar("orchestrator_client_listening", default=None)
"""Who listens to the call that is made in this task."""


class _TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class _GetTask(Request[_TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: _TaskParams
    name_param = "taskId"


class _CancelTask(Request[_TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: _TaskParams
    name_param = "taskId"


class _Handle(Result):
    result_type: Literal["task"] = Field(alias="resultType", default="task")
    task_id: str = Field(alias="taskId")
    poll_interval_ms: int | None = Field(alias="pollIntervalMs", default=None)


class _Task(Result):
    status: str
    poll_interval_ms: int | None = Field(alias="pollIntervalMs", default=None)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class ToldMessage(BaseModel):
    """What a server tells of a call, as it comes, the events as a text: see `agentloop.far_clocks.Told`."""

    first: int
    clock: str
    began: float
    now: float
    events: Json[list[dict[str, Any]]]

    def read(self) -> Told:
        return Told(self.first, self.clock[:MAX_NAME], self.began, self.now, self.events)


class TasksClient(ClientExtension):
    """Declares the extension, and turns a handle into the call's result by asking until there is one.

    If the caller gives up the task is cancelled; if the connection is lost (not `is_up`) it is not, because the call
    may be made again. What the server tells of cost and events goes to `listening`.
    """

    identifier = ID

    def __init__(self, is_up: Callable[[], bool]) -> None:
        self._is_up = is_up

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=_Handle, resolve=self._resolve)]

    async def _resolve(self, handle: _Handle, context: ClaimContext) -> CallToolResult:
        pause = handle.poll_interval_ms
        first = 0
        try:
            while True:
                await asyncio.sleep(_seconds(pause))
                task = await context.session.send_request(_get(handle.task_id, first), _Task)
                first = _listen(task.meta or {}, first)
                if task.status == "completed":
                    return CallToolResult.model_validate(task.result)
                if task.status != "working":
                    raise _failure(task)
                pause = task.poll_interval_ms
        except asyncio.CancelledError:
            if self._is_up():
                await _cancel(handle.task_id, context)
            raise


def _get(task_id: str, first: int) -> _GetTask:
    return _GetTask(params=_TaskParams.model_validate({"taskId": task_id, "_meta": {EVENTS: first}}))


def _listen(meta: Mapping[str, Any], first: int) -> int:
    """Pass on what came with the task; the number of the first event that has not come yet."""
    listener, told = listening.get(), meta.get(EVENTS)
    if listener is None:
        return first
    if SPENT in meta:
        listener.spent(Usage.from_json(meta[SPENT]))
    try:
        message = ToldMessage.model_validate(told)
    except ValidationError:
        return first
    listener.events.take(message.read())
    return max(first, message.first + len(message.events))


def _failure(task: _Task) -> MCPError:
    error = task.error or {}
    message = (
        "The task was cancelled." if task.status == "cancelled" else str(error.get("message") or "The task failed.")
    )
    code = error.get("code")
    return MCPError(code if isinstance(code, int) else INTERNAL_ERROR, message)


async def _cancel(task_id: str, context: ClaimContext) -> None:
    request = _CancelTask(params=_TaskParams.model_validate({"taskId": task_id}))
    with suppress(Exception):  # a server that is gone hears nothing, and its run stops when nobody comes back
        async with asyncio.timeout(CANCEL_TIMEOUT):
            await context.session.send_request(request, EmptyResult)


def _seconds(milliseconds: int | None) -> float:
    return POLL if milliseconds is None else min(max(milliseconds, 10) / 1000, LONGEST_POLL)
