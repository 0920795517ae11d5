"""An agent as a tool of another agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from agentloop.context import CallContext
from agentloop.definition import AgentDefinition
from agentloop.errors import ConfigurationError, RunError, ToolError
from agentloop.loop import RunResult, Step, run_agent
from agentloop.messages import Conversation
from agentloop.schema_check import SchemaCheck
from agentloop.tools import Tool, ToolOutput, ToolSpec
from agentloop.usage import Bill, ModelUsage, Usage


def _object(properties: dict[str, Any], description: str = "") -> dict[str, Any]:
    """The schema of an object that has all of `properties` and nothing else."""
    about = {"description": description} if description else {}
    return {
        "type": "object",
        **about,
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


_USD = {"type": ["number", "null"], "minimum": 0, "description": "Estimated from list prices; null if unknown."}

INPUT_SCHEMA = _object(
    {
        "prompt": {
            "type": "string",
            "minLength": 1,
            "maxLength": 20_000,
            "description": "What the agent is to do, self-contained: it sees nothing of this conversation.",
        }
    }
)
OUTPUT_SCHEMA = _object(
    {
        "answer": {"type": "string", "description": "The answer, in the agent's words."},
        "steps": {
            "type": "array",
            "description": "The tool calls the agent made, in order.",
            "items": _object(
                {
                    "tool": {"type": "string", "description": "The name of the tool called."},
                    "arguments": {"type": "object", "description": "The arguments it was called with."},
                    "result": {"type": "string", "description": "What the tool answered, or its error message."},
                    "is_error": {"type": "boolean", "description": "True if the call failed."},
                }
            ),
        },
        "usage": {"description": "What the answer cost."}
        | _object(
            {
                "agent": {"type": "string", "description": "Whose bill this is."},
                "seconds": {"type": "number", "minimum": 0, "description": "Wall time of the run."},
                "usd": _USD,
                "models": {
                    "type": "object",
                    "description": "What the run itself used, by model id; delegated runs have bills of their own.",
                    "additionalProperties": _object(
                        {
                            "requests": _count("Requests sent to the model, failed ones included."),
                            "input_tokens": _count("Input tokens neither written to nor read from the cache."),
                            "output_tokens": _count("Output tokens."),
                            "cache_creation_input_tokens": _count("Input tokens written to the cache."),
                            "cache_read_input_tokens": _count("Input tokens read from the cache."),
                            "usd": _USD,
                        }
                    ),
                },
                "delegated": {
                    "type": "array",
                    "description": "Bills of the same form, one for each run this one delegated to.",
                    "items": {"type": "object"},
                },
            }
        ),
    }
)


def agent_spec(agent: AgentDefinition) -> ToolSpec:
    """How an agent is described as a tool: `<its name>_agent`, one prompt in; answer, steps and usage out.

    It is as harmless as its tools: read-only if all of them say that they are, and so on. What a tool says that is not
    trusted is not believed. Its world is open: it asks a model.
    """
    return ToolSpec(
        name=f"{agent.name}_agent",
        description=agent.description or f"Delegates a self-contained task to the agent {agent.name}.",
        input_schema=INPUT_SCHEMA,
        output_schema=OUTPUT_SCHEMA,
        read_only=_all(tool.spec.read_only if tool.is_trusted else None for tool in agent.tools),
        destructive=_any(tool.spec.destructive if tool.is_trusted else None for tool in agent.tools),
        idempotent=_all(tool.spec.idempotent if tool.is_trusted else None for tool in agent.tools),
        open_world=True,
        is_agent=True,
    )


def _all(said: Iterable[bool | None]) -> bool | None:
    """Whether it is said of all; None if it is not said of one and denied of none."""
    answers = set(said)
    return False if False in answers else None if None in answers else True


def _any(said: Iterable[bool | None]) -> bool | None:
    """Whether it is said of any; None if it is said of none and not denied of all."""
    answers = set(said)
    return True if True in answers else None if None in answers else False


def _as_tool(
    agent: AgentDefinition, spec: ToolSpec | None, delegate: Callable[..., Any], timeout: float | None
) -> Tool:
    """What the agent's tools say is only as good as who says it, and so is what is said of the agent."""
    if spec is not None:
        _check_fit(spec)
    is_trusted = all(tool.is_trusted for tool in agent.tools)
    return Tool(spec or agent_spec(agent), delegate, takes_context=True, timeout=timeout, is_trusted=is_trusted)


def _check_fit(spec: ToolSpec) -> None:
    """Check that an agent's result can satisfy the specification.

    Raises:
        ConfigurationError: no result can, or other arguments than `prompt` are asked for.
    """
    asked = {*spec.input_schema.get("properties", {}), *spec.input_schema.get("required", [])} - {"prompt"}
    if asked:
        raise ConfigurationError(
            f"{spec.name}: an agent takes no argument but `prompt`; the input schema has {', '.join(sorted(asked))}."
        )
    if spec.output_schema is None:
        return
    check = SchemaCheck(spec.output_schema, is_trusted=True)
    if check.is_broken:
        raise ConfigurationError(f"{spec.name}: the output schema is not a valid JSON schema.")
    misfits = [check.misfit(example) for example in _examples()]
    if None not in misfits:
        place, reason = misfits[0] or ("", "")
        raise ConfigurationError(
            f"{spec.name}: no result of an agent fits the output schema: {place or 'result'}: {reason}. "
            "A result has `answer`, `steps` and `usage`: see agentloop.delegate.OUTPUT_SCHEMA."
        )


def _examples() -> Iterator[Mapping[str, Any]]:
    """Structured results as agents give them."""
    step = Step("add", {"a": 1, "b": 2}, "3", is_error=False)
    bill = Bill("agent", 1.5, Usage({"model": ModelUsage(1, 100, 10, usd=Decimal("0.001"))}))
    for steps in (), (step,):
        yield agent_output(RunResult("The answer is 3.", Conversation(), bill, steps)).structured or {}


def create_agent_tool_async(
    agent: AgentDefinition, *, spec: ToolSpec | None = None, timeout: float | None = None
) -> Tool:
    """Wrap an agent as a tool that runs on the caller's event loop.

    Any number of calls run at once. `timeout` bounds one call, in seconds. The output has the answer as text and
    `{"answer", "steps", "usage"}` as structured content. `spec` describes it in another way than `agent_spec`.

    Raises:
        ConfigurationError: `spec` asks for other arguments, or no result can satisfy its output schema.
    """

    async def delegate(context: CallContext, /, prompt: str) -> ToolOutput:
        return await _delegate(agent, prompt, context)

    return _as_tool(agent, spec, delegate, timeout)


def create_agent_tool_sync(
    agent: AgentDefinition, *, spec: ToolSpec | None = None, timeout: float | None = None
) -> Tool:
    """Wrap an agent as a sync tool: each call runs in a worker thread with an event loop and a client of its own.

    When the caller is cancelled or gives up, the run in the thread is cancelled: an open model request is closed and
    no further one is made.

    Raises:
        ConfigurationError: the agent was given a client, which cannot follow it into another event loop; or as
            `create_agent_tool_async`.
    """
    agent.clients.require_factory("create_agent_tool_sync")

    def delegate(context: CallContext, /, prompt: str) -> ToolOutput:
        return asyncio.run(_until_abandoned(agent, prompt, context))

    return _as_tool(agent, spec, delegate, timeout)


async def _until_abandoned(agent: AgentDefinition, prompt: str, context: CallContext) -> ToolOutput:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel() -> None:
        # The loop may have closed between the call's last step and the caller's giving up.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)

    context.cancelled.then(cancel)
    return await _delegate(agent, prompt, context)


async def _delegate(agent: AgentDefinition, prompt: str, context: CallContext) -> ToolOutput:
    if context.scope.depth > agent.limits.max_depth:
        raise ToolError(
            f"{agent.name} is {context.scope.depth} agents deep, and {agent.limits.max_depth} is the limit: "
            "do this part without delegating it."
        )
    try:
        return agent_output(await run_agent(agent, Conversation().ask(prompt), context))
    except RunError as error:
        return ToolOutput.error(f"{agent.name} has no answer: {error}")
    except ConfigurationError as error:
        raise ToolError(str(error)) from None


def agent_output(result: RunResult) -> ToolOutput:
    """The output of a delegated run."""
    structured = {
        "answer": result.answer,
        "steps": [step.to_json() for step in result.steps],
        "usage": result.bill.to_json(),
    }
    return replace(ToolOutput.of(result.answer), structured=structured)
