"""The tool `get_run`, for hosts that cancel every call after a minute and do not support tasks."""

from __future__ import annotations

from agentloop import Tool, ToolError, ToolOutput, ToolSpec

GET_RUN = "get_run"


async def _no_durable_runs(run_id: str) -> ToolOutput:
    raise ToolError(f"There is no run with the id {run_id}: this server does not store runs.")


def get_run_tool(seconds: float) -> Tool:
    """The specification of the tool that returns the answer of a run. `DurableCalls` implements it."""
    return Tool(
        ToolSpec(
            name=GET_RUN,
            title="Get the answer of a run",
            description=(
                "Returns the answer of an agent that needed longer than one call may take and answered with a run_id. "
                f"Waits up to {seconds:g} seconds; if there is still no answer, call it again."
            ),
            input_schema={
                "type": "object",
                "properties": {
                    "run_id": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The id of the run."}
                },
                "required": ["run_id"],
                "additionalProperties": False,
            },
            read_only=True,
            destructive=False,
            idempotent=True,
            open_world=False,
        ),
        _no_durable_runs,
    )


def not_yet(run_id: str) -> ToolOutput:
    """The result of a call whose run has not ended."""
    return ToolOutput.of(
        "There is no answer yet; the run goes on. Call get_run with this run_id until it returns the answer, "
        f"and do not ask the agent again: {run_id}"
    )
