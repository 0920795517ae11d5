"""Calls of tools that have to be called as tasks in the revision 2025-11-25 (`execution.taskSupport: required`).

Tasks of the revision 2026-07-28 are an extension: see `agentloop.mcp.client.tasks`.
"""

from __future__ import annotations

import asyncio

from mcp import ClientSession
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CancelTaskRequest,
    CancelTaskRequestParams,
    CancelTaskResult,
    CreateTaskResult,
    GetTaskPayloadRequest,
    GetTaskPayloadRequestParams,
    GetTaskRequest,
    GetTaskRequestParams,
    GetTaskResult,
    TaskMetadata,
)

from agentloop.mcp.client.call_state import current_call
from agentloop.mcp.client.tasks import poll_pause, send_cancel


async def call_as_task(
    session: ClientSession,
    params: CallToolRequestParams,
    progress: ProgressFnT,
) -> CallToolResult:
    """Call the tool as a task and wait for its result. If this is cancelled, so is the task.

    Raises:
        MCPError: the server refused the call or the task.
    """
    request = CallToolRequest(params=params.model_copy(update={"task": TaskMetadata()}))
    created = await session.send_request(request, CreateTaskResult, progress_callback=progress)
    task = created.task.task_id
    try:
        await _ended(session, task)
        payload = GetTaskPayloadRequest(params=GetTaskPayloadRequestParams(task_id=task))
        return await session.send_request(payload, CallToolResult)
    except asyncio.CancelledError:
        cancel = CancelTaskRequest(params=CancelTaskRequestParams(task_id=task))
        await send_cancel(session, cancel, CancelTaskResult)
        raise


async def _ended(session: ClientSession, task: str) -> None:
    """Poll until the task does not work any more. One that needs input is asked for its result, which asks for it."""
    while True:
        request = GetTaskRequest(params=GetTaskRequestParams(task_id=task))
        state = await session.send_request(request, GetTaskResult)
        if state.status != "working":
            return
        call = current_call.get()
        if call is not None:
            call.on_activity()
        await asyncio.sleep(poll_pause(state.poll_interval))
