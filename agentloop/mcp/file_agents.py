"""Agents of agent files that use MCP servers themselves: `mcpServers`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentloop import Agent, CallContext, ConfigurationError, Limits, Tool, ToolError
from agentloop.agent_files import AgentFile, Problem
from agentloop.dispatch import cancel_and_wait
from agentloop.file_agents import Selection, agent_tool, own_functions, select_tools, without_mcp
from agentloop.mcp.client.catalog import Catalog
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.config_file import read_config, read_entries
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import PATIENCE, Warn, remote_tools, with_fallbacks
from agentloop.mcp.client.servers import Servers

MakeAgent = Callable[[AgentFile, Sequence[Tool]], Agent]


def read_config_for(
    files: Iterable[AgentFile], path: Path | None, warn: Warn = lambda _text: None
) -> dict[str, ServerEntry]:
    """The servers of a configuration, in which only the variables of those that the agent files name need be set.

    Raises:
        ConfigurationError: as `read_config`.
    """
    named = {name for file in files for name, entry in file.mcp_servers.items() if entry is None}
    return {} if path is None else read_config(path, warn, named)


def servers_of(
    file: AgentFile, configured: Mapping[str, ServerEntry]
) -> tuple[dict[str, ServerEntry], tuple[Problem, ...]]:
    """The servers that an agent file names, by name, and what is wrong with them.

    A name without an entry is one of those that are `configured` elsewhere.
    """
    found: dict[str, ServerEntry] = {}
    problems: list[Problem] = []
    for name, entry in file.mcp_servers.items():
        if entry is None and name not in configured:
            text = f"mcpServers: {name} is not configured: give it a `command` or a `url` here, or a configuration"
            problems.append(file.problem("error", "mcpServers", f"{text} with --mcp-config"))
        elif entry is None:
            found[name] = configured[name]
        else:
            place = f"{file.path}:{file.lines.get('mcpServers', 1)}"
            warnings: list[str] = []
            try:
                found |= read_entries({name: entry}, place, warnings.append)
                problems += [
                    file.problem("warning", "mcpServers", text.removeprefix(f"{place}: ")) for text in warnings
                ]
            except ConfigurationError as error:
                text = str(error).removeprefix(f"{place}: ")
                problems.append(file.problem("error", "mcpServers", text))
    return {name: entry for name, entry in found.items() if entry.is_enabled}, tuple(problems)


@asynccontextmanager
async def connected_agents(
    files: Sequence[tuple[AgentFile, Mapping[str, ServerEntry]]], make: MakeAgent, warn: Warn
) -> AsyncIterator[list[FileAgent]]:
    """The agents of files, whose servers connect in the background: each once, however many of the files name it.

    `make` makes an agent of a file and its tools. `warn` receives a line for each problem that was handled.
    """
    servers = Servers({}, warn=warn)
    for _, entries in files:
        opened = [(each.name, each.entry) for each in servers.connections]
        servers.connections += [servers.connection(*each) for each in entries.items() if each not in opened]
    async with AsyncExitStack() as stack:
        stack.push_async_exit(servers)
        # Whoever starts this process may wait no longer for it than this process waits for its servers.
        connecting = asyncio.create_task(servers.__aenter__())
        stack.push_async_callback(cancel_and_wait, [connecting])
        yield [
            FileAgent(
                file,
                [each for each in servers.connections if entries.get(each.name) == each.entry],
                make,
                servers.warn,
            )
            for file, entries in files
        ]


class FileAgent:
    """The agent of a file, with the tools that its servers have listed.

    A run waits a little for a server that was never reached. One that went away keeps its tools: their calls wait for
    it, fall back to a Python function of the file that has the same name, schemas and hints, or tell the model.
    """

    def __init__(self, file: AgentFile, connections: Sequence[Connection], make: MakeAgent, warn: Warn) -> None:
        self.file = file
        self._connections = connections
        self._make = make
        self._warn = warn
        self._functions = own_functions(file)[0]
        self._made: Agent | None = None
        self._made_of: list[Catalog] = []

    async def agent(self) -> Agent:
        """The agent with the tools as they are now.

        Raises:
            ConfigurationError: the file needs tools of a server that has not been reached yet.
        """
        missing = [each for each in self._connections if not _is_known(each)]
        await asyncio.gather(*(each.reached(PATIENCE) for each in missing))
        catalogs = [each.catalog for each in self._connections]
        if self._made is None or catalogs != self._made_of:
            self._made = self._make(self.file, self._tools())
            self._made_of = catalogs
        return self._made

    def tool(self) -> Tool:
        """The agent as a tool. Nothing is said of its side effects: what its servers offer may change."""
        base = agent_tool(self.file, self._make(self.file, ()))
        spec = replace(base.spec, read_only=None, destructive=None, idempotent=None)

        async def delegate(context: CallContext, /, **arguments: Any) -> Any:
            try:
                now = agent_tool(self.file, await self.agent())
            except ConfigurationError as error:
                raise ToolError(str(error)) from None
            return await now.function(context, **arguments)

        return replace(base, spec=spec, function=delegate)

    def _tools(self) -> Sequence[Tool]:
        known = [each for each in self._connections if _is_known(each)]
        missing = [each for each in self._connections if each not in known]
        functions = list(self._functions.values())
        remote = remote_tools(
            known, self._warn, reserved=[tool.name for tool in functions], allow=allowed_by(self.file)
        )
        selection = select_tools(self.file, with_fallbacks(remote, functions, self._warn, Limits()))
        if missing and (self.file.tools is None or selection.problems):
            reasons = "; ".join(f"{each.name}: {each.error}" for each in missing)
            raise ConfigurationError(f"{self.file.name} cannot work: its MCP servers cannot be reached. {reasons}")
        report(selection, self._warn)
        return selection.tools


def report(selection: Selection, warn: Warn) -> None:
    """Report what an agent file asks for in vain.

    Raises:
        ConfigurationError: the agent must not run so, for example without an approval that the file asks for.
    """
    if errors := [str(problem) for problem in selection.problems if problem.level == "error"]:
        raise ConfigurationError("\n".join(errors))
    for problem in selection.problems:
        warn(str(problem))


def _is_known(connection: Connection) -> bool:
    """Whether the server has been reached once, so that its tools are known."""
    return connection.is_up or bool(connection.tools)


def allowed_by(file: AgentFile) -> list[str]:
    """Patterns of the tools that the file names: who publishes or runs it wants them called."""
    return [without_mcp(pattern) for pattern in file.tools or () if pattern.strip("*")]
