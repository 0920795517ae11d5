"""Publishing agent files: `--agents` and the command `check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentloop import Agent, ConfigurationError, Tool
from agentloop.agent_files import AgentFile, Problem, load_agents
from agentloop.file_agents import Publishable, publishable
from agentloop.wire import sdk_client
from offline_model.choice import ModelChoice


@dataclass(frozen=True, slots=True)
class Checked:
    """Agent files, what would be published of them, and what there is to say about them, by file and line."""

    items: tuple[Publishable, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")


def check_files(paths: Sequence[Path], choice: ModelChoice, *, model: str, offline: bool) -> Checked:
    """Read agent files. `model` is for those that name none or `inherit`; with `offline` all use the offline model.

    Without credentials the agents keep their models, and a call says what is missing: the offline model only reads
    arithmetic.
    """
    loaded = load_agents(*paths)
    client = sdk_client if choice.offline and not offline else choice.client
    files = [replace(file, model=choice.model) if offline else file for file in loaded.files]
    items = tuple(publishable(file, default_model=model, client=client) for file in files)
    problems = [*loaded.problems, *(problem for item in items for problem in item.problems)]
    return Checked(items, tuple(sorted(problems, key=lambda problem: (str(problem.path), problem.line or 0))))


def published_files(checked: Checked, say: Callable[[str], None]) -> tuple[list[Tool], list[Agent]]:
    """The tools of the files and the agents behind them.

    Raises:
        ConfigurationError: a file has an error; nothing is published then.
    """
    if checked.errors:
        raise ConfigurationError("\n".join(["The agent files have errors:", *map(str, checked.errors)]))
    for problem in checked.problems:
        say(str(problem))
    tools = [item.tool for item in checked.items if item.tool is not None]
    return tools, [item.agent for item in checked.items if item.agent is not None]


def report(checked: Checked) -> str:
    """What would be published, for people."""
    described = [_description(item.file, item.agent, item.tool) for item in checked.items if item.agent and item.tool]
    warnings = sum(problem.level == "warning" for problem in checked.problems)
    if checked.errors:
        verdict = f"Nothing would be published: {_count(len(checked.errors), 'error')}, {_count(warnings, 'warning')}."
    else:
        verdict = f"{_count(len(described), 'agent')} would be published: {_count(warnings, 'warning')}."
    return "\n".join([*described, *map(str, checked.problems), verdict])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _description(file: AgentFile, agent: Agent, tool: Tool) -> str:
    settings = {
        "tool": tool.name,
        "model": agent.model,
        "effort": agent.effort,
        "tools": ", ".join(tool.name for tool in agent.tools) or "none",
        "turns": agent.limits.max_turns,
        "timeout": None if file.timeout is None else f"{file.timeout:g} s",
    }
    lines = [f"  {name:8} {value}" for name, value in settings.items() if value is not None]
    return "\n".join([f"{agent.name} ({file.path})", *lines])
