"""Finding the agents that `--publish module:attribute` names."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from agentloop import Agent, ConfigurationError

_IMPORTERS = {__file__, importlib.__file__}
"""Files that are on the way to a user's module and not of it."""


def find_agents(name: str) -> list[Agent]:
    """The agent, or the agents in the list, at `module:attribute`. Modules in the current directory are found too.

    Raises:
        ConfigurationError: there is no such module or attribute, or it is something else.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"--publish {name}: write module:attribute, for example my_agents:helper.")
    value: Any = _import(module_name, name)
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ConfigurationError(f"--publish {name}: {module_name} has no {attribute}.")
        value = getattr(value, part)
    agents = [value] if isinstance(value, Agent) else value
    if isinstance(agents, list | tuple) and agents and all(isinstance(agent, Agent) for agent in agents):
        return list(agents)
    raise ConfigurationError(f"--publish {name}: that is {type(value).__name__}, not an Agent or a list of Agents.")


def _import(module_name: str, name: str) -> Any:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with _stdout_on_stderr():
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"--publish {name}: there is no module {error.name} in this folder or on Python's path."
            ) from None
        raise _failed(name, module_name, error) from error
    except Exception as error:
        raise _failed(name, module_name, error) from error


def _failed(name: str, module_name: str, error: Exception) -> ConfigurationError:
    """Says where in the user's module, or the module it imports, the error is."""
    if isinstance(error, SyntaxError):
        place, reason = f"{error.filename}:{error.lineno}", error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith("<") and frame.filename not in _IMPORTERS]
        place = f"{own[-1].filename}:{own[-1].lineno}" if own else module_name
        reason = str(error) or "an error without a text"
    return ConfigurationError(f"--publish {name}: {place}: {reason}")


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Send what is printed in the block, also past Python, to stderr: stdout carries the protocol."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
