"""The worked example: six functions as tools, and an agent that calculates with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any

from agentloop import Agent, RunResult, Tool, create_agent_tool_async, create_agent_tool_sync
from agentloop.model import ClientSource
from mcp_calc_server import arithmetic
from mcp_calc_server.contract import load_specs
from mcp_calc_server.exact import are_short

CALCULATOR_MODEL = "claude-haiku-5-5"
AGENT_TOOL = "calculator_assistant_agent"
LONGEST_CALCULATION = 8.0
"""Seconds. All results are bounded; what takes this long has been waiting for a thread."""

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    arithmetic.sum_numbers,
    arithmetic.subtract_numbers,
    arithmetic.multiply_numbers,
    arithmetic.divide_numbers,
    arithmetic.power,
    arithmetic.square_root,
)

SYSTEM_PROMPT = """\
You solve one arithmetic problem with the tools you have. They are exact; mental arithmetic is not: every number you \
report comes from a tool.

* Call all tools whose arguments you already know in one message: they run at the same time.
* Pass decimals and fractions as strings ("12.50", "1/3"), so that nothing is rounded.
* If a tool reports an error, correct the arguments, or say in one sentence why there is no answer.
* If the problem lacks a number or can be read in two ways, say so instead of guessing.

Answer with the steps, one line each, and a last line of the form "Answer: 59.99". Money has two decimals and its \
currency sign. If a result was rounded, say so on that line."""


def math_tools() -> list[Tool]:
    """The six functions as sync tools."""
    specs = load_specs()
    return [Tool(specs[function.__name__], function) for function in FUNCTIONS]


def math_tools_async() -> list[Tool]:
    """The six functions as coroutine functions, which calculate at once what takes less time than a thread to begin.

    `power` always is in a thread: its result may be long whatever its arguments.
    """
    specs = load_specs()
    return [
        Tool(
            specs[function.__name__],
            partial(asyncio.to_thread, function) if function is arithmetic.power else short_at_once(function),
            timeout=LONGEST_CALCULATION,
        )
        for function in FUNCTIONS
    ]


def short_at_once(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """The function as a coroutine function: called on the event loop if its arguments are short, in a thread if not.

    asyncio's own few threads are enough for what is over in 50 ms.
    """

    @wraps(function)
    async def calculate(**arguments: Any) -> Any:
        if are_short(arguments.values()):
            return function(**arguments)
        return await asyncio.to_thread(function, **arguments)

    return calculate


def calculator_assistant(*, model: str, client: ClientSource) -> Agent:
    """The calculator agent: `model` is a model id, `client` where its SDK clients come from."""
    return Agent(
        name="calculator_assistant",
        description=load_specs()[AGENT_TOOL].description,
        system_prompt=SYSTEM_PROMPT,
        tools=math_tools_async(),
        model=model,
        client=client,
        max_tokens=4096,
        effort="low",
        structured_result=structured_result,
    )


def structured_result(result: RunResult) -> dict[str, Any]:
    """`{"answer", "exact"}`: exact if it was calculated with the functions and none of their results was rounded."""
    results = [json.loads(step.result) for step in result.steps if not step.is_error]
    return {"answer": result.answer, "exact": bool(results) and all(each["exact"] for each in results)}


def agent_tool_async(agent: Agent) -> Tool:
    """The calculator agent as the contract's tool, on the caller's event loop."""
    return create_agent_tool_async(agent, spec=load_specs()[AGENT_TOOL])


def local_fallbacks(agent: Agent) -> list[Tool]:
    """All tools of the contract as local sync tools: what answers in worker threads when no server can."""
    return [*math_tools(), create_agent_tool_sync(agent, spec=load_specs()[AGENT_TOOL])]
