"""Agents that tests publish. Each asks a model of its own, so that a bill tells them apart."""

from agentloop import Agent, Limits, create_agent_tool_async, create_agent_tool_sync

HELPER, LOOPED, THREADED = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"

helper = Agent("helper", "helper", model=HELPER, max_tokens=500)
looped = Agent("looped", "looped", [create_agent_tool_async(helper)], model=LOOPED, max_tokens=500)
threaded = Agent("threaded", "threaded", [create_agent_tool_sync(helper)], model=THREADED, max_tokens=500)
impatient = Agent(
    "impatient",
    "impatient",
    [create_agent_tool_async(helper, timeout=1.0)],
    model=LOOPED,
    max_tokens=500,
    limits=Limits(max_result_chars=5_000_000),
)
agents = [looped, threaded, impatient]
