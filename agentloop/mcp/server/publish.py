"""The agents and tools that `--publish module:attribute` names."""

from __future__ import annotations

from agentloop import Agent, ConfigurationError, Tool
from agentloop.loading import load_attribute


def find_published(name: str) -> list[Agent | Tool]:
    """The agent or tool, or the list of them, at `module:attribute`. Modules may be in the current directory.

    Raises:
        ConfigurationError: there is no such module or attribute, or it is something else.
    """
    try:
        value = load_attribute(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"--publish {name}: {error}") from error
    found = value if isinstance(value, list | tuple) else [value]
    if found and all(isinstance(each, Agent | Tool) for each in found):
        return list(found)
    hint = " Make it a tool with @tool." if callable(value) else ""
    kind = type(value).__name__
    raise ConfigurationError(f"--publish {name}: that is {kind}, not an Agent, a Tool or a list of them.{hint}")
