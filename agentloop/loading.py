"""Finding what `module:attribute` names."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from agentloop.errors import ConfigurationError

_OURS = f"{Path(__file__).parent}{os.sep}", importlib.__file__, "<"
"""How the files begin whose frames are on the way to a user's module, or in what it called, and not of it."""


def load_attribute(name: str) -> Any:
    """The value of `module:attribute`, for example `weather:temperature`.

    Modules in the current directory are found too. What the module prints while it is imported goes to stderr.

    Raises:
        ConfigurationError: the name has another form, the import failed, or there is no such attribute.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute) or module_name.startswith("."):
        raise ConfigurationError("write module:attribute, for example my_agents:helper.")
    value: Any = _import(module_name)
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ConfigurationError(f"{module_name} has no {attribute}.")
        value = getattr(value, part)
    return value


def _import(module_name: str) -> Any:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with stdout_on_stderr():
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(f"there is no module {error.name} in this folder or on Python's path.") from None
        raise _failed(module_name, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(module_name, error) from error


def _failed(module_name: str, error: BaseException) -> ConfigurationError:
    """Says where in the user's module, or a module it imports, the error is."""
    if isinstance(error, SyntaxError):
        return ConfigurationError(f"{error.filename}:{error.lineno}: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OURS)]
    place = f"{own[-1].filename}:{own[-1].lineno}" if own else module_name
    reason = "it ends the program" if isinstance(error, SystemExit) else str(error) or type(error).__name__
    return ConfigurationError(f"{place}: {reason}")


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
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
