"""The agents that `--publish module:attribute` names."""

from __future__ import annotations

from agentloop import Agent, ConfigurationError
from agentloop.loading import load_attribute


def find_agents(name: str) -> list[Agent]:
    """The agent, or the list of agents, at `module:attribute`. Modules may be in the current directory.

    Raises:
        ConfigurationError: there is no such module or attribute, or it is something else.
    """
    try:
        value = load_attribute(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"--publish {name}: {error}") from error
    agents = [value] if isinstance(value, Agent) else value
    if isinstance(agents, list | tuple) and agents and all(isinstance(agent, Agent) for agent in agents):
        return list(agents)
    raise ConfigurationError(f"--publish {name}: that is {type(value).__name__}, not an Agent or a list of Agents.")
