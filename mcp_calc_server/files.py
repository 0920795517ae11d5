"""Publishing agent files: `--agents` and the command `check`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from agentloop import Agent, ConfigurationError, Tool, prices
from agentloop.agent_files import PROMPTS, RESOURCES, AgentFile, Problem, load_agents
from agentloop.file_agents import Publishable, publishable, to_agent
from agentloop.front_matter import FrontMatterError, markdown_files
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.file_agents import MakeAgent, connected_agents, read_config_for, servers_of
from agentloop.mcp.server.prompts import Prompt, prompt_of_file
from agentloop.mcp.server.resources import Resource, resources_of_folder
from agentloop.mcp.server.serving import Lifespan
from agentloop.wire import sdk_client
from mcp_calc_server.options import PublishedOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checked:
    """Agent files, what would be published of them, and what there is to say about them, by file and line.

    `servers` are the MCP servers of the files that have some, by the name of the agent. `make` makes the agent of a
    file. `prompts` and `resources` are those of the folders with these names, by their files.
    """

    items: tuple[Publishable, ...]
    problems: tuple[Problem, ...]
    servers: Mapping[str, Mapping[str, ServerEntry]]
    make: MakeAgent
    prompts: Mapping[Path, Prompt]
    resources: Mapping[Path, Resource]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")


def check_files(paths: Sequence[Path], options: PublishedOptions) -> Checked:
    """Read agent files. The options' model is for those that name none or `inherit`, the offline model for all.

    Without credentials the agents keep their models, and a call says what is missing: the offline model only reads
    arithmetic.

    Raises:
        ConfigurationError: the configuration of servers is wrong.
    """
    options.apply_costs()
    choice, model, offline = options.choice(), options.model, options.offline
    loaded = load_agents(*paths)
    configured = read_config_for(loaded.files, options.mcp_config)
    client = sdk_client if choice.offline and not offline else choice.client
    files = [replace(file, model=choice.model) if offline else file for file in loaded.files]
    items = tuple(publishable(file, default_model=model, client=client) for file in files)
    make = partial(to_agent, default_model=model, client=client)
    servers = {file.name: servers_of(file, configured) for file in files if file.mcp_servers}
    problems = [*loaded.problems, *(problem for item in items for problem in item.problems)]
    problems += [problem for _, found in servers.values() for problem in found]
    problems += _without_price(items, choice.base_url)
    prompts, resources = _prompts(paths, problems), _resources(paths, problems)
    problems.sort(key=lambda problem: (str(problem.path), problem.line or 0))
    of_agents = {name: found for name, (found, _) in servers.items()}
    return Checked(items, tuple(problems), of_agents, make, prompts, resources)


def _without_price(items: Sequence[Publishable], base_url: str | None) -> Iterator[Problem]:
    """Warnings about budgets that cannot hold. Models of a server on this machine cost nothing."""
    for item in items:
        if item.agent is None:
            continue
        prices.register_if_local(item.agent.model, base_url)
        if item.file.max_usd is not None and prices.price_of(item.agent.model) is None:
            text = (
                f"maxUsd: the price of {item.agent.model} is not known, so calls will fail: give it with --prices FILE"
            )
            yield item.file.problem("warning", "maxUsd", text)


def _prompts(paths: Sequence[Path], problems: list[Problem]) -> Mapping[Path, Prompt]:
    found: dict[Path, Prompt] = {}
    for file in (file for path in paths for file in markdown_files((path / PROMPTS).glob("*.md"))):
        try:
            found[file] = prompt_of_file(file)
        except FrontMatterError as error:
            problems.append(Problem(file, error.line, "error", str(error)))
    return _unique(found, lambda prompt: f"prompt {prompt.name!r}", problems)


def _resources(paths: Sequence[Path], problems: list[Problem]) -> Mapping[Path, Resource]:
    found: dict[Path, Resource] = {}
    for path in (path for path in paths if (path / RESOURCES).is_dir()):
        try:
            found |= resources_of_folder(path / RESOURCES, path.resolve().name)
        except ConfigurationError as error:
            problems.append(Problem(path / RESOURCES, None, "error", str(error)))
    return _unique(found, lambda resource: f"resource {resource.uri}", problems)


def _unique(found: Mapping[Path, T], name: Callable[[T], str], problems: list[Problem]) -> Mapping[Path, T]:
    files: dict[str, Path] = {}
    for file, each in found.items():
        other = files.setdefault(name(each), file)
        if other is not file:
            problems.append(Problem(file, None, "error", f"the {name(each)} is that of {other} too"))
    return found


def published_files(
    checked: Checked, say: Callable[[str], None], *, durable: bool
) -> tuple[list[Publishable], Lifespan | None]:
    """The agents without MCP servers of their own, and the lifespan that yields the others.

    With `durable`, the agents' servers have to be up when the process starts.

    Raises:
        ConfigurationError: a file has an error; nothing is published then.
    """
    for problem in checked.problems:
        say(str(problem))
    if checked.errors:
        raise ConfigurationError(f"{_count(len(checked.errors), 'error')} in agent files: nothing is published.")
    alone = [item for item in checked.items if item.file.name not in checked.servers]
    served = [(item.file, checked.servers[item.file.name]) for item in checked.items if item not in alone]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[list[Agent | Tool]]:
        async with connected_agents(served, checked.make, say) as agents:
            yield [await each.agent() if durable else each.tool() for each in agents]

    return alone, lifespan if served else None


def report(checked: Checked) -> str:
    """What would be published, for people."""
    described = [
        _description(item.file, item.agent, item.tool, checked.servers.get(item.file.name, {}))
        for item in checked.items
        if item.agent and item.tool
    ]
    agents = len(described)
    described += [f"prompt {prompt.name} ({file})" for file, prompt in checked.prompts.items()]
    described += [f"resource {resource.uri} ({file})" for file, resource in checked.resources.items()]
    warnings = sum(problem.level == "warning" for problem in checked.problems)
    if checked.errors:
        verdict = f"Nothing would be published: {_count(len(checked.errors), 'error')}, {_count(warnings, 'warning')}."
    else:
        verdict = f"{_count(agents, 'agent')} would be published: {_count(warnings, 'warning')}."
    return "\n".join([*described, *map(str, checked.problems), verdict])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _fields(schema: Mapping[str, Any] | None) -> str | None:
    return None if schema is None else ", ".join(schema.get("properties", ())) or "any fields"


def _description(file: AgentFile, agent: Agent, tool: Tool, servers: Mapping[str, ServerEntry]) -> str:
    tools = [tool.name for tool in agent.tools]
    if servers:
        tools += [name for name in file.tools or ["all of its servers"] if ":" not in name]
    settings = {
        "tool": tool.name,
        "model": agent.model,
        "effort": agent.effort,
        "tools": ", ".join(dict.fromkeys(tools)) or "none",
        "servers": ", ".join(servers) or None,
        "input": _fields(file.input),
        "output": _fields(file.output),
        "sessions": "yes" if file.sessions else None,
        "turns": agent.limits.max_turns,
        "max usd": file.max_usd,
        "timeout": None if file.timeout is None else f"{file.timeout:g} s",
    }
    lines = [f"  {name:8} {value}" for name, value in settings.items() if value is not None]
    return "\n".join([f"{agent.name} ({file.path})", *lines])
