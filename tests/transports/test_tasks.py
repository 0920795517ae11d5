"""A call that becomes a task is polled to its answer on every transport."""

import pytest
from mcp.client.extension import ClaimContext
from mcp.types import CallToolResult

from agentloop.mcp.client.tasks import CreatedTask, TasksClient
from agentloop.testing import ScriptedMessages, calls, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.surface import TRANSPORTS, scripted_env, serving, text


class Counting(TasksClient):
    """Counts the calls that became tasks."""

    tasks = 0

    async def _resolve(self, created: CreatedTask, context: ClaimContext) -> CallToolResult:
        self.tasks += 1
        return await super()._resolve(created, context)


@pytest.mark.slow
@pytest.mark.requirement("tasks")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_task_is_polled_to_its_answer(transport: str) -> None:
    polling = Counting(lambda: True)
    with ScriptedMessages([calls(("sum_numbers", {"numbers": [1, 2]})), says("3")]) as model:
        async with (
            serving(transport, env=scripted_env(model.url)) as served,
            served.client("2026-07-28", extensions=[polling]) as client,
        ):
            result = await client.call_tool(AGENT_TOOL, {"prompt": "1 + 2"})
    assert polling.tasks == 1
    assert text(result) == "3"
