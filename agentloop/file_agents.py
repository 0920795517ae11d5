"""Agents made of agent files: which tools they get, which model, and what of a file is not supported yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentloop.agent import Agent
from agentloop.agent_files import AgentFile, Problem
from agentloop.definition import DEFAULT_MODEL
from agentloop.delegate import create_agent_tool_async
from agentloop.errors import ConfigurationError
from agentloop.limits import Limits
from agentloop.loading import load_attribute
from agentloop.model import ClientSource
from agentloop.question_tools import ask_user, with_approval
from agentloop.server_tools import server_tool
from agentloop.tools import Tool
from agentloop.wire import sdk_client

MODELS = {
    "haiku": "claude-haiku-5-5",
    "sonnet": "claude-sonnet-5-5",
    "opus": "claude-opus-5-5",
    "fable": "claude-fable-5-2",
}
"""What Claude Code's aliases stand for."""

CLAUDE_CODE_TOOLS = frozenset(
    """
    Agent Artifact AskUserQuestion Bash BashOutput CronCreate CronDelete CronList Edit EndConversation EnterPlanMode
    EnterWorktree ExitPlanMode ExitWorktree Glob Grep KillBash KillShell LS LSP ListAgents ListMcpResourcesTool Monitor
    MultiEdit NotebookEdit NotebookRead PowerShell PushNotification Read ReadMcpResourceTool RemoteTrigger
    ReportFindings ScheduleWakeup SendMessage SendUserFile ShareOnboardingGuide Skill SlashCommand Task TaskCreate
    TaskGet TaskList TaskOutput TaskStop TaskUpdate TeamCreate TeamDelete TodoRead TodoWrite ToolSearch
    WaitForMcpServers WebFetch WebSearch Workflow Write
    """.split()  # noqa: SIM905 - 55 lines otherwise
)

AFTER_TIMEOUT = 5.0
"""Seconds after the `timeout` of a file until its call is cut off: the run ends first, and says what it has spent."""

_FETCH_FROM = re.compile(r"WebFetch\(domain:([\w.*-]+)\)")
_NOT_IN_PREFIX = re.compile(r"[^a-zA-Z0-9-]+")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Selection:
    """The tools an agent file asks for, and what it asks for in vain."""

    tools: tuple[Tool, ...]
    problems: tuple[Problem, ...]


def select_tools(file: AgentFile, available: Sequence[Tool] = (), *, pending: Collection[str] | None = ()) -> Selection:
    """Choose the tools of an agent file: from `available`, and the Python functions it names as `module:function`.

    What `disallowedTools` matches is taken away first. A pattern is a name or has `*` in it; `mcp__server__tool` is
    `server__tool`, and `mcp__server` all tools of the server. `WebSearch`, `WebFetch` and `WebFetch(domain:HOST)` are
    tools that the Messages API runs itself. Without `tools` the agent gets all that is available.
    A tool of an MCP server is also called `server__tool` if it is not in `available` under that name. `pending` names
    the servers whose tools are not in `available` yet; None if these servers are unknown. The problems say which
    functions cannot be loaded, which tools are those of Claude Code, and which patterns cannot match anything.

    Example:
        >>> selection = select_tools(file, [word_count])
        >>> [tool.name for tool in selection.tools]
    """
    functions, problems = own_functions(file)
    candidates = [*_named(available, functions), *functions.items(), *_web_tools(file)]
    denied = {name for name, tool in candidates if _matches(file.disallowed_tools, name, tool)}
    allowed = [
        (name, tool)
        for name, tool in candidates
        if name not in denied and (file.tools is None or _matches(file.tools, name, tool))
    ]
    problems += [
        file.problem("error", "approve", f"approve: {name} runs at the API, so nobody can be asked before it does")
        for name, tool in allowed
        if tool.spec.api_definition is not None and _matches(file.approve, name, tool)
    ]
    unmatched = [
        *_unmatched(file, "tools", [p for p in file.tools or () if not _FUNCTION.fullmatch(p)], candidates, pending),
        *_unmatched(file, "disallowedTools", file.disallowed_tools, candidates, pending),
        *_unmatched(file, "approve", file.approve, allowed, pending),
    ]
    return Selection(tuple(tool for _, tool in allowed), (*problems, *unmatched))


def _named(tools: Iterable[Tool], functions: Mapping[str, Tool]) -> list[tuple[str, Tool]]:
    """Each tool with the name that it has in an agent file."""
    by_tool = {tool.name: name for name, tool in functions.items()}
    return [
        (by_tool.get(tool.name, tool.name) if tool.served_by == "local" else f"{tool.served_by}__{tool.name}", tool)
        for tool in tools
    ]


def _web_tools(file: AgentFile) -> Iterable[tuple[str, Tool]]:
    """The tools of the Messages API that the file names, by the names that Claude Code has for them."""
    named = file.tools or ()
    if "WebSearch" in named:
        yield "WebSearch", server_tool("web_search")
    domains = [found[1] for name in named if (found := _FETCH_FROM.fullmatch(name))]
    if domains or "WebFetch" in named:
        yield "WebFetch", server_tool("web_fetch", allowed_domains=() if "WebFetch" in named else domains)


def own_functions(file: AgentFile) -> tuple[dict[str, Tool], list[Problem]]:
    """The Python functions that the file names, by `module:function`, and those that cannot be loaded."""
    functions: dict[str, Tool] = {}
    problems: list[Problem] = []
    for name in file.tools or ():
        if _FUNCTION.fullmatch(name) and name not in functions:
            try:
                functions[name] = function_tool(name)
            except ConfigurationError as error:
                problems.append(file.problem("error", "tools", f"{name}: {error}"))
    return functions, problems


def function_tool(name: str) -> Tool:
    """The tool at `module:attribute`: a `Tool`, or a function with annotated parameters.

    Raises:
        ConfigurationError: it cannot be loaded, or is something else.
    """
    value = load_attribute(name)
    if isinstance(value, Tool):
        return value
    if not callable(value) or isinstance(value, type):
        raise ConfigurationError(f"that is {type(value).__name__}, not a function or a Tool.")
    try:
        return Tool.from_function(value)
    except (ConfigurationError, TypeError, ValueError, NameError, AttributeError) as error:
        raise ConfigurationError(f"no tool can be made of it: {error}") from error


def _matches(patterns: Iterable[str], name: str, tool: Tool) -> bool:
    return any(_expression(pattern).fullmatch(each) for pattern in patterns for each in (name, tool.name))


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, without_mcp(_FETCH_FROM.sub("WebFetch", pattern)).split("*"))))


def without_mcp(pattern: str) -> str:
    """Claude Code's spelling of a pattern as `server__tool`: `mcp__server` means all tools of the server."""
    if not pattern.startswith("mcp__"):
        return pattern
    pattern = pattern.removeprefix("mcp__")
    return pattern if "__" in pattern else f"{pattern}__*"


def _may_match(pattern: str, pending: Collection[str] | None) -> bool:
    """Whether a tool of one of these servers may have such a name."""
    server, separator, _ = without_mcp(pattern).partition("__")
    if pending is None or not separator or "*" in server:
        return pending is None or bool(pending)
    return any(_NOT_IN_PREFIX.sub("_", each).strip("_") == _NOT_IN_PREFIX.sub("_", server) for each in pending)


def _unmatched(
    file: AgentFile,
    key: str,
    patterns: Iterable[str],
    candidates: Sequence[tuple[str, Tool]],
    pending: Collection[str] | None,
) -> Iterable[Problem]:
    unmatched = [p for p in patterns if not (_may_match(p, pending) or any(_matches([p], *c) for c in candidates))]
    has_servers = bool(pending) or any(tool.served_by != "local" for _, tool in candidates)
    built_in = [p for p in unmatched if p.partition("(")[0] in CLAUDE_CODE_TOOLS]
    if built_in and key == "tools":
        yield file.problem("warning", key, f"not available outside Claude Code: {', '.join(built_in)}")
    for pattern in unmatched:
        if pattern not in built_in or key == "approve":
            hint = (
                ""
                if "__" in pattern or "*" in pattern or key != "tools"
                else ". A Python function is written as module:function"
            )
            # A misspelling would let a tool run without approval. Without servers there is no tool of one to run.
            is_wrong = key == "approve" and "*" not in pattern and (has_servers or "__" not in pattern)
            yield file.problem("error" if is_wrong else "warning", key, f"{key}: {pattern} matches no tool{hint}")


def to_agent(
    file: AgentFile,
    tools: Sequence[Tool] = (),
    *,
    default_model: str = DEFAULT_MODEL,
    client: ClientSource = sdk_client,
) -> Agent:
    """Make an agent of a file and the tools selected for it. `default_model` is the one of `model: inherit`.

    `maxTurns` bounds its turns, `maxUsd` what a run may cost, and `timeout` how long it may take. With `canAsk` it gets
    the tool `ask_user`; calls of the tools that `approve` matches wait until a person allows them.

    Raises:
        ConfigurationError: two tools have the same name.

    Example:
        >>> (file,) = load_agents(Path("agents/greeter.md")).files
        >>> agent = to_agent(file, select_tools(file).tools)
        >>> agent.run_sync("Greet Ada in French.").answer
    """
    limits = Limits(
        max_turns=file.max_turns or Limits().max_turns,
        run_timeout=file.timeout or Limits().run_timeout,
        max_usd=file.max_usd,
    )
    return Agent(
        name=file.name,
        system_prompt=file.system_prompt,
        tools=_asking(file, tools),
        model=resolve_model(file.model, default_model),
        client=client,
        description=file.description,
        effort=file.effort,
        limits=limits,
        output_type=file.output,
        input_type=file.input,
        sessions=file.sessions,
        attach=file.attach,
    )


def _asking(file: AgentFile, tools: Sequence[Tool]) -> tuple[Tool, ...]:
    functions = own_functions(file)[0] if file.approve else {}
    guarded = tuple(
        with_approval(tool, file.name) if _matches(file.approve, name, tool) else tool
        for name, tool in _named(tools, functions)
    )
    is_missing = file.can_ask and all(tool.name != ask_user.name for tool in tools)
    return (*guarded, ask_user) if is_missing else guarded


def resolve_model(model: str, default: str) -> str:
    """The model id that `model` in an agent file stands for."""
    if model.lower() == "inherit":
        return default
    return MODELS.get(model.lower().removesuffix("[1m]"), model)


def agent_tool(file: AgentFile, agent: Agent) -> Tool:
    """The agent of a file as a tool, whose calls end with the run."""
    return create_agent_tool_async(agent, timeout=None if file.timeout is None else file.timeout + AFTER_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Publishable:
    """An agent file with its agent and its tool, or with the errors that keep it from being published."""

    file: AgentFile
    agent: Agent | None
    tool: Tool | None
    problems: tuple[Problem, ...]


def publishable(
    file: AgentFile, *, default_model: str = DEFAULT_MODEL, client: ClientSource = sdk_client
) -> Publishable:
    """Make the agent of a file and its tool, or say why that is not possible.

    The tools of its MCP servers are not among the agent's yet: see `agentloop.mcp.file_agents`.
    """
    selection = select_tools(file, pending=file.mcp_servers)
    problems = [*selection.problems]
    agent = tool = None
    try:
        agent = to_agent(file, selection.tools, default_model=default_model, client=client)
        tool = agent_tool(file, agent)
    except ConfigurationError as error:
        problems.append(file.problem("error", "tools" if agent is None else "sessions", str(error)))
    if any(problem.level == "error" for problem in problems):
        agent = tool = None
    return Publishable(file, agent, tool, tuple(problems))
