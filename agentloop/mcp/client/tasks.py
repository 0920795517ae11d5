"""The client's side of the tasks extension of MCP (SEP-2663): a call that became a task is polled to its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from mcp import ClientSession, MCPError
from mcp.client import ClientRequestContext
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.types import (
    INTERNAL_ERROR,
    CallToolResult,
    ElicitRequest,
    EmptyResult,
    ErrorData,
    Request,
    RequestParams,
    Result,
)
from pydantic import Field, ValidationError

from agentloop import Usage
from agentloop.delegation_context import EVENTS, SPENT
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.client.call_state import current_call
from agentloop.mcp.client.delegated_call import CallReport

ID = "io.modelcontextprotocol/tasks"
POLL = 0.5
"""Seconds between two polls if the server does not say."""
LONGEST_POLL = 10.0
CANCEL_TIMEOUT = 2.0


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams
    name_param = "taskId"


class CancelTask(Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: TaskParams
    name_param = "taskId"


class CreatedTask(Result):
    result_type: Literal["task"] = Field(alias="resultType", default="task")
    task_id: str = Field(alias="taskId")
    poll_interval_ms: int | None = Field(alias="pollIntervalMs", default=None)


class UpdateParams(TaskParams):
    input_responses: dict[str, Any] = Field(alias="inputResponses")


class UpdateTask(Request[UpdateParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateParams
    name_param = "taskId"


class _Task(Result):
    status: str
    input_requests: dict[str, ElicitRequest] = Field(alias="inputRequests", default_factory=dict)
    poll_interval_ms: int | None = Field(alias="pollIntervalMs", default=None)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class TasksClient(ClientExtension):
    """Declares the extension, and polls a task until it has the call's result.

    If the caller gives up, the task is cancelled; if the connection was lost (not `is_up`) it is not, because the call
    may be made again. Cost and events that come with the task go to the call's delegation.
    """

    identifier = ID

    def __init__(self, is_up: Callable[[], bool]) -> None:
        self._is_up = is_up

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self._resolve)]

    async def _resolve(self, created: CreatedTask, context: ClaimContext) -> CallToolResult:
        pause = created.poll_interval_ms
        first = 0
        questions = _Questions(created.task_id, context)
        try:
            while True:
                await questions.answered(poll_pause(pause))
                params = TaskParams.model_validate({"taskId": created.task_id, "_meta": {EVENTS: first}})
                task = await context.session.send_request(GetTask(params=params), _Task)
                first = _pass_on(task.meta or {}, first)
                if task.status == "completed":
                    return CallToolResult.model_validate(task.result)
                if task.status not in {"working", "input_required"}:
                    raise _failure(task)
                await questions.update(task.input_requests if task.status == "input_required" else {})
                pause = task.poll_interval_ms
        except asyncio.CancelledError:
            if self._is_up():
                params = TaskParams.model_validate({"taskId": created.task_id})
                await send_cancel(context.session, CancelTask(params=params), EmptyResult)
            raise
        finally:
            await questions.withdraw()


class _Questions:
    """The questions of a task: each is asked once, and withdrawn when the task does not list it any more."""

    def __init__(self, task_id: str, context: ClaimContext) -> None:
        self._task_id = task_id
        self._context = context
        self._asking: dict[str, asyncio.Task[Any]] = {}
        self._listed: Mapping[str, ElicitRequest] = {}

    async def update(self, listed: Mapping[str, ElicitRequest]) -> None:
        """Receive the questions that the task has now."""
        self._listed = listed
        given_up = {key for key, asking in self._asking.items() if key not in listed and not asking.done()}
        await cancel_and_wait([self._asking.pop(key) for key in given_up])
        for key in listed.keys() - self._asking.keys():
            self._asking[key] = asyncio.create_task(self._ask(key), name="question")

    async def _ask(self, key: str) -> dict[str, Any]:
        request = self._listed[key]
        asking = ClientRequestContext(session=self._context.session, request_id=key, meta=request.params.meta)
        answer = await self._context.session.dispatch_input_request(asking, request)
        if isinstance(answer, ErrorData):
            raise MCPError.from_error_data(answer)
        return answer.model_dump(by_alias=True, mode="json", exclude_none=True)

    async def answered(self, seconds: float) -> None:
        """Send the answers to questions that are still listed. Wait that long, or until there is another answer."""
        if waiting := [self._asking[key] for key in self._listed if not self._asking[key].done()]:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)
        if given := {key: self._asking[key].result() for key in self._listed if self._asking[key].done()}:
            update = UpdateParams.model_validate({"taskId": self._task_id, "inputResponses": given})
            await self._context.session.send_request(UpdateTask(params=update), EmptyResult)

    async def withdraw(self) -> None:
        await cancel_and_wait([asking for asking in self._asking.values() if not asking.done()])


def _pass_on(meta: Mapping[str, Any], first: int) -> int:
    """Pass on what came with the task. Returns the number of the first event that has not come yet."""
    call = current_call.get()
    if call is not None:
        call.on_activity()
    if call is None or call.delegation is None:
        return first
    if SPENT in meta:
        call.delegation.spent(Usage.from_json(meta[SPENT]))
    try:
        report = CallReport.model_validate(meta.get(EVENTS))
    except ValidationError:
        return first
    report.pass_on(call.delegation)
    return max(first, report.first + len(report.events))


def _failure(task: _Task) -> MCPError:
    error = task.error or {}
    message = "The task was cancelled." if task.status == "cancelled" else error.get("message") or "The task failed."
    code = error.get("code")
    return MCPError(code if isinstance(code, int) else INTERNAL_ERROR, str(message))


def poll_pause(milliseconds: int | None) -> float:
    """Seconds until the next poll, given what the server says."""
    return POLL if milliseconds is None else min(max(milliseconds, 10) / 1000, LONGEST_POLL)


async def send_cancel(session: ClientSession, request: Request[Any, Any], result: type[Result]) -> None:
    """Cancel a task. If the server is gone, its run stops when nobody asks for it any more."""
    with suppress(Exception):
        async with asyncio.timeout(CANCEL_TIMEOUT):
            await session.send_request(request, result)
