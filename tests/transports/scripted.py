"""What the scripted model says to the published agents and to the calculator, by what their prompts say."""

from collections.abc import Callable
from dataclasses import replace

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from mcp_calc_server.calculator import AGENT_TOOL

ABOVE = {"looped", "threaded", "impatient"}
"""System prompts of agents that delegate what they are asked to their helper."""


async def answer(request: RecordedRequest) -> Reply:  # noqa: PLR0911 - one for each kind of prompt
    """A prompt with `hold` is not answered in time by whoever is asked last."""
    if request.results:
        return says(f"Answer: {request.results[0]['content'][0]['text']}")
    if request.system in ABOVE:
        return calls(("helper_agent", {"prompt": request.prompt}))
    if request.prompt == "pass on":
        return calls((AGENT_TOOL, {"prompt": "passed on"}))
    if "hold" in request.prompt:
        return replace(says("word " * 2000), seconds_per_event=0.05)
    if "fail" in request.prompt:
        return Reply(status=400, error={"type": "invalid_request_error", "message": "scripted"})
    if "large" in request.prompt:
        return says("\x01" * 100_000)  # six characters each as JSON
    if "digits" in request.prompt:
        return calls(("sum_numbers", '{"numbers": [12345678901234567890.5]}'))
    if "sums" in request.prompt:
        return calls(("sum_numbers", {"numbers": [1, "0.5"]}), ("square_root", {"x": "-1"}))
    return says(f"done: {request.prompt}")


def about(model: ScriptedMessages, prompt: str) -> list[RecordedRequest]:
    return [request for request in model.requests if request.prompt == prompt]


def held(model: ScriptedMessages, prompt: str) -> Callable[[], bool]:
    """Whether the last of the two requests of a delegated prompt has come."""
    return lambda: len(about(model, prompt)) == 2
