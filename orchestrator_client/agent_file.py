"""`--agent FILE`: an agent file orchestrates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentloop import Agent, ConfigurationError, Tool
from agentloop.agent_files import AgentFile, load_agents
from agentloop.file_agents import select_tools, to_agent
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.file_agents import servers_of
from agentloop.model import ClientSource

Say = Callable[[str], None]


def read_agent(path: Path, configured: Mapping[str, ServerEntry], say: Say) -> tuple[AgentFile, dict[str, ServerEntry]]:
    """The agent of a file, and the MCP servers that it names. `say` receives warnings.

    Raises:
        ConfigurationError: there is not exactly one agent, or it has errors; says which, with file and line.
    """
    loaded = load_agents(path)
    problems = list(loaded.problems)
    servers: dict[str, ServerEntry] = {}
    for file in loaded.files:
        servers, found = servers_of(file, configured)
        functions = select_tools(file, is_complete=False)
        problems += [*found, *functions.problems]
    if errors := [str(problem) for problem in problems if problem.level == "error"]:
        raise ConfigurationError("\n".join(["--agent:", *errors]))
    if len(loaded.files) != 1:
        raise ConfigurationError(f"--agent {path}: {len(loaded.files)} agents are there; name the file of one.")
    for problem in problems:
        say(str(problem))
    return loaded.files[0], servers


def orchestrator_of(file: AgentFile, available: Sequence[Tool], *, model: str, client: ClientSource, say: Say) -> Agent:
    """The agent of the file with those of the tools that it names. `model` is that of `model: inherit`."""
    selection = select_tools(file, available)
    for problem in selection.problems:
        say(str(problem))
    return to_agent(file, selection.tools, default_model=model, client=client)
