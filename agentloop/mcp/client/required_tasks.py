"""Calls of tools that have to be called as tasks in the revision 2025-11-25 (`execution.taskSupport: required`).

Tasks of the revision 2026-07-28 are an extension: see `agentloop.mcp.client.tasks`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

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

from agentloop import ToolError
from agentloop.limits import time_limit
from agentloop.mcp.client.call_state import current_call
from agentloop.mcp.client.tasks import CANCEL_TIMEOUT, LONGEST_POLL, POLL


async def call_as_task(
    session: ClientSession,
    params: CallToolRequestParams,
    progress: ProgressFnT,
    seconds: float,
) -> CallToolResult:
    """Call the tool as a task and wait for its result, for so many `seconds` at most; then the task is cancelled.

    Raises:
        MCPError: the server refused the call or the task.
        ToolError: there was no result in time.
    """
    late = ToolError(f"{params.name} returned no result within {seconds:g} s and was cancelled.")
    async with time_limit(seconds, late):
        request = CallToolRequest(params=params.model_copy(update={"task": TaskMetadata()}))
        created = await session.send_request(request, CreateTaskResult, progress_callback=progress)
        task = created.task.task_id
        try:
            await _ended(session, task)
            payload = GetTaskPayloadRequest(params=GetTaskPayloadRequestParams(task_id=task))
            return await session.send_request(payload, CallToolResult)
        except asyncio.CancelledError:
            await _cancel(session, task)
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
        pause = POLL if state.poll_interval is None else state.poll_interval / 1000
        await asyncio.sleep(min(max(pause, 0.01), LONGEST_POLL))


async def _cancel(session: ClientSession, task: str) -> None:
    with suppress(Exception):  # the server may be gone
        async with asyncio.timeout(CANCEL_TIMEOUT):
            request = CancelTaskRequest(params=CancelTaskRequestParams(task_id=task))
            await session.send_request(request, CancelTaskResult)
