"""Agents as tools of other agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from agentloop import exact_json
from agentloop.context import CallContext
from agentloop.definition import AgentDefinition
from agentloop.delegation_context import SESSION, STEPS, USAGE
from agentloop.errors import ConfigurationError, RunError, ToolError
from agentloop.loop import run_agent
from agentloop.messages import Block, Conversation
from agentloop.model_schema import ModelSchema
from agentloop.results import RunResult
from agentloop.schema_check import SchemaCheck
from agentloop.sessions import SESSION_ID, Session
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, ToolSpec

MAX_ATTACHMENTS = 10
MAX_ATTACHED = 10_000_000
"""Images and documents that come with an answer, and the characters of their base64 or text."""
TAKEN = {
    "type": ["string", "null"],  # some clients send null for what is left out
    "description": "The session_id of an earlier answer, to continue that conversation. "
    "Leave it out to begin a new one.",
}
GIVEN = {"type": "string", "description": "Send it with the next call to continue this conversation."}


def _prompt_schema(**limits: int) -> dict[str, Any]:
    prompt = {
        "type": "string",
        **limits,
        "description": "What the agent is to do, self-contained: it sees nothing of this conversation.",
    }
    return {"type": "object", "properties": {"prompt": prompt}, "required": ["prompt"], "additionalProperties": False}


def agent_spec(agent: AgentDefinition) -> ToolSpec:
    """The specification of an agent as a tool: `<name>_agent`, with a prompt or its `input_type` as input.

    Its hints follow from those of its tools: it is read-only if all of them are, and so on, but a call of an agent with
    sessions changes one. Hints of untrusted tools are ignored. It is open-world, because it sends requests to a model.
    """
    if agent.typed_input is None:
        schema = _with_session(agent, _prompt_schema(minLength=1, maxLength=agent.limits.max_prompt_chars), TAKEN)
        # A model gains nothing from the limits, and reads them with every request.
        model_schema = ModelSchema(_with_session(agent, _prompt_schema(), TAKEN))
    else:
        schema, model_schema = _with_session(agent, agent.typed_input.schema, TAKEN), None
    return ToolSpec(
        name=f"{agent.name}_agent",
        description=agent.description or f"Delegates a self-contained task to the agent {agent.name}.",
        input_schema=schema,
        model_schema=model_schema,
        output_schema=None if agent.typed_output is None else _with_session(agent, agent.typed_output.schema, GIVEN),
        read_only=_all(tool.spec.read_only if tool.is_trusted else None for tool in agent.tools),
        destructive=_any(tool.spec.destructive if tool.is_trusted else None for tool in agent.tools),
        idempotent=not agent.sessions
        and _all(tool.spec.idempotent if tool.is_trusted else None for tool in agent.tools),
        open_world=True,
        is_agent=True,
    )


def _with_session(
    agent: AgentDefinition, schema: Mapping[str, Any], session_id: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The schema, which also has a `session_id` with this schema if the agent has sessions."""
    if not agent.sessions:
        return schema
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or SESSION_ID in properties:
        raise ConfigurationError(
            f"Agent {agent.name!r} has sessions, so its types need `properties`, none of which is {SESSION_ID}."
        )
    return {**schema, "properties": {**properties, SESSION_ID: session_id}}


def _all(said: Iterable[bool | None]) -> bool | None:
    """True if all hints are true, False if one is false, otherwise None."""
    answers = set(said)
    return False if False in answers else None if None in answers else True


def _any(said: Iterable[bool | None]) -> bool | None:
    """True if one hint is true, False if all are false, otherwise None."""
    answers = set(said)
    return True if True in answers else None if None in answers else False


def _as_tool(
    agent: AgentDefinition, spec: ToolSpec | None, delegate: Callable[..., Any], timeout: float | None
) -> Tool:
    """The tool is trusted if all tools of the agent are, because its hints follow from theirs."""
    if spec is not None:
        _check_fit(agent, spec)
    is_trusted = all(tool.is_trusted for tool in agent.tools)
    return Tool(spec or agent_spec(agent), delegate, takes_context=True, timeout=timeout, is_trusted=is_trusted)


def _check_fit(agent: AgentDefinition, spec: ToolSpec) -> None:
    """Raise `ConfigurationError` unless the specification matches the agent's input and output."""
    own = agent_spec(agent)
    taken = {*own.input_schema.get("properties", {})}
    asked = {*spec.input_schema.get("properties", {}), *spec.input_schema.get("required", [])} - taken
    if asked:
        raise ConfigurationError(
            f"{spec.name}: the agent takes {', '.join(sorted(taken)) or 'nothing'}; the input schema has "
            f"{', '.join(sorted(asked))} too. Other arguments need an `input_type`."
        )
    if spec.output_schema is None:
        return
    check = SchemaCheck(spec.output_schema, is_trusted=True)
    if problem := check.problem or check.unresolved:
        raise ConfigurationError(f"{spec.name}: the output schema is not a valid JSON schema: {problem}")
    if agent.typed_output is not None and spec.output_schema != own.output_schema:
        raise ConfigurationError(f"{spec.name}: the output schema is not that of the agent's `output_type`.")
    if agent.typed_output is None and agent.structured_result is None:
        raise ConfigurationError(
            f"{spec.name} has an output schema, and the agent gives no structured result: it needs an `output_type`."
        )


def create_agent_tool_async(
    agent: AgentDefinition, *, spec: ToolSpec | None = None, timeout: float | None = None
) -> Tool:
    """Wrap an agent as a tool that runs on the caller's event loop.

    Any number of calls run concurrently. `timeout` limits one call, in seconds. The output has the answer as text, with
    an `output_type` also as structured content, and the steps and the cost in `meta`. `spec` replaces the
    specification that `agent_spec` returns.

    Example:
        lead = Agent("lead", "Delegate.", tools=[create_agent_tool_async(writer, timeout=60)])

    Raises:
        ConfigurationError: `spec` asks for other arguments, or promises a structured result that the agent does not
            give.
    """

    async def delegate(context: CallContext, /, **arguments: Any) -> ToolOutput:
        return await _delegate(agent, arguments, context)

    return _as_tool(agent, spec, delegate, timeout)


def create_agent_tool_sync(
    agent: AgentDefinition, *, spec: ToolSpec | None = None, timeout: float | None = None
) -> Tool:
    """Wrap an agent as a sync tool. Each call runs in a worker thread with its own event loop and client.

    When the caller is cancelled or times out, the run in the thread is cancelled: an open model request is closed, and
    no further one is sent.

    Example:
        lead = Agent("lead", "Delegate.", tools=[create_agent_tool_sync(writer)])

    Raises:
        ConfigurationError: the agent has a client instead of a function that makes one, and clients are bound to one
            event loop; or as `create_agent_tool_async`.
    """
    agent.clients.require_factory("create_agent_tool_sync")

    def delegate(context: CallContext, /, **arguments: Any) -> ToolOutput:
        return asyncio.run(context.cancelled.guard(_delegate(agent, arguments, context)))

    return _as_tool(agent, spec, delegate, timeout)


async def _delegate(agent: AgentDefinition, arguments: Mapping[str, Any], context: CallContext) -> ToolOutput:
    asked = {name: value for name, value in arguments.items() if not (agent.sessions and name == SESSION_ID)}
    prompt = _prompt(agent, asked)
    try:
        if not agent.sessions:
            return agent_output(agent, await run_agent(agent, Conversation().ask(prompt), context))
        with _session(agent, arguments.get(SESSION_ID), context) as session:
            result = await run_agent(agent, session.conversation.ask(prompt), context)
            session.conversation = result.conversation
        return _in_session(agent_output(agent, result), session)
    except RunError as error:
        meta = None if error.bill is None else {USAGE: error.bill.to_json()}
        return ToolOutput.error(f"{agent.name} has no answer: {error}", meta=meta)
    except ConfigurationError as error:
        raise ToolError(str(error)) from None


def _session(agent: AgentDefinition, session_id: str | None, context: CallContext) -> AbstractContextManager[Session]:
    if context.scope.session is not None:
        return nullcontext(context.scope.session)
    return agent.memory_sessions.open(context.scope.owner, session_id)


def _in_session(output: ToolOutput, session: Session) -> ToolOutput:
    """The output, which also says how the conversation can be continued."""
    if session.is_too_long:
        said = "[This conversation is too long to be continued: begin a new one.]"
        return replace(output, content=(*output.content, *ToolOutput.of(said).content))
    said = f"[{SESSION_ID}: {session.id} (send it with the next call to continue this conversation)]"
    return replace(
        output,
        content=(*output.content, *ToolOutput.of(said).content),
        structured=None if output.structured is None else {**output.structured, SESSION_ID: session.id},
        meta={**(output.meta or {}), SESSION: session.id},
    )


def _prompt(agent: AgentDefinition, arguments: Mapping[str, Any]) -> str:
    if agent.typed_input is None:
        return str(arguments["prompt"])
    try:
        agent.typed_input.read(arguments)
    except ToolError as error:
        raise ToolError(f"Invalid arguments for {agent.name}: {error}") from None
    return exact_json.dumps(arguments)


def agent_output(agent: AgentDefinition, result: RunResult) -> ToolOutput:
    """The output of a delegated run."""
    structured = None if agent.structured_result is None else agent.structured_result(result)
    if agent.typed_output is not None:
        structured = exact_json.loads_as_floats(result.answer)
    attached = _attachments(result.attachments) if agent.attach else ()
    meta = {STEPS: [step.to_json() for step in result.steps], USAGE: result.bill.to_json()}
    content = (*ToolOutput.of(result.answer).content, *attached)
    return ToolOutput(content, structured=structured, meta=meta)


def _attachments(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The last blocks up to the limits, and a notice if there are more."""
    kept: list[Block] = []
    size = 0
    for block in reversed(blocks):
        size += len(block["source"].get("data") or "")
        if len(kept) == MAX_ATTACHMENTS or size > MAX_ATTACHED:
            notice = f"[{len(blocks) - len(kept)} earlier attachments were left out.]"
            return (*ToolOutput.of(notice).content, *reversed(kept))
        kept.append(block)
    return tuple(reversed(kept))
