"""What is asked of every runner: agents as plain data, and what the model says to them.

Only the standard library is imported, because every environment runs this.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

MODEL = "claude-sonnet-5-5"
MAX_TOKENS = 4096
PARAMETER = "What to look for, in words."
"""The description of the one parameter, `prompt`, which all runners send."""
TASK = "What the agent is to do, self-contained: it sees nothing of this conversation."
"""The same for a tool that is a sub-agent."""
Function = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """An agent with a system prompt of `system` words and `tools` tools, which calls one in each of `turns` turns.

    A result is text of `result` characters, or a number if that is 0. With `delegates`, its first turn calls as many sub-agents, which are as `below` says.
    """

    title: str
    system: int
    tools: int
    turns: int
    result: int
    delegates: int = 0
    below: Job | None = None


JOBS = {
    "stores": Job("the three-store demo", 250, 0, 0, 0, 3, Job("calculator", 150, 6, 2, 0)),
    "turns": Job("one agent, 25 turns, 30 tools", 700, 30, 24, 3000),
    "fan-out": Job("20 sub-agents of 5 turns", 250, 0, 0, 0, 20, Job("worker", 1200, 10, 4, 1500)),
    "tools": Job("300 tools, 5 turns", 250, 300, 4, 500),
    "long": Job("a result of 150,000 tokens, 4 turns", 250, 3, 3, 600_000),
}


def system_of(job: Job, role: str) -> str:
    rules = " ".join(f"Rule {number}: keep to what the task says." for number in range(job.system // 9))
    return f"You are the {role}. {rules}"


def tool_names(job: Job) -> list[str]:
    return [f"tool_{number}" for number in range(job.tools)]


def description_of(name: str) -> str:
    about = "It reads the records of one department and gives them as text, the newest first, with their dates."
    return f"Looks up what {name} knows. {about} Use it when the task is about that department, and only then."


def functions(job: Job) -> list[Function]:
    """The tools of an agent, as async functions with names and docstrings."""
    kind, answer = (str, _text) if job.result else (float, _number)
    return [_function(name, description_of(name), PARAMETER, partial(answer, job), kind) for name in tool_names(job)]


def delegate(run: Function) -> Function:
    """The tool that runs a sub-agent, for those who have none of their own."""
    return _function("worker_agent", "Does a part of a task. Calls are independent: make many at once.", TASK, run, str)


def _function(name: str, description: str, parameter: str, answer: Callable[[str], Any], kind: type) -> Function:
    async def tool(prompt: str) -> Any:
        value = answer(prompt)
        return await value if inspect.isawaitable(value) else value

    tool.__name__ = tool.__qualname__ = name
    tool.__annotations__["return"] = kind
    tool.__doc__ = f"{description}\n\nArgs:\n    prompt: {parameter}"
    return tool


def _number(_job: Job, text: str) -> float:
    return 37.5 * len(text)


def _text(job: Job, text: str) -> str:
    words = f"record of {text} with the number "
    return "".join(f"{words}{number}\n" for number in range(job.result // (len(words) + 4) + 1))[: job.result]


def definition(function: Function) -> dict[str, Any]:
    """A function as a tool of the Messages API, for the hand loop."""
    description, _, parameter = str(function.__doc__).partition("\n\nArgs:\n    prompt: ")
    schema = {
        "type": "object",
        "properties": {"prompt": {"type": "string", "description": parameter}},
        "required": ["prompt"],
    }
    return {"name": function.__name__, "description": description, "input_schema": schema}


Run = Callable[[str, list[Function], str], Awaitable[str]]
"""Takes a system prompt, tools and a prompt, and gives the answer of a new agent."""


Lead = Callable[[str, tuple[str, list[Function]], str], Awaitable[str]]
"""The same for an agent that delegates in its own way to one with that system prompt and those tools."""


def main(run: Run, lead: Lead | None = None) -> None:
    """Do the job that `BENCH_JOB` names with the agents that `run` makes, and print the answer as JSON."""
    job = JOBS[os.environ["BENCH_JOB"]]

    async def work() -> str:
        tools = functions(job)
        if job.below is not None:
            below = job.below
            if lead is not None:
                sub_agent = system_of(below, "worker"), functions(below)
                return await lead(system_of(job, "lead"), sub_agent, "Do the whole task.")
            tools = [delegate(lambda text: run(system_of(below, "worker"), functions(below), text))]
        return await run(system_of(job, "lead"), tools, "Do the whole task.")

    answer = asyncio.run(work())
    sys.stdout.flush()
    os.write(1, f"\n{json.dumps({'answer': answer[:200]})}\n".encode())
    os._exit(0)  # some libraries take seconds to end
