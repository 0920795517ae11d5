"""Which servers to use: the `mcpServers` JSON of Claude Desktop and Claude Code, or words on the command line."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentloop import ConfigurationError

OWN_SERVER = "mcp-calc-server"

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?P<text>[^}]*))?\}")
_EXPANDED = ("command", "args", "env", "url", "headers")

Header = Annotated[str, Field(repr=False)]


class ServerEntry(BaseModel):
    """One entry of `mcpServers`: a `command` to start, or a `url` to connect to.

    A started server sees its own `env` and a few harmless variables (PATH, HOME, ...), never a key it was not given.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict, repr=False)
    cwd: Path | None = None
    url: str | None = None
    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    headers: Mapping[str, Header] = Field(default_factory=dict, repr=False)
    trusted: bool = False
    """Whether what the server says of its tools' side effects is believed."""

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> ServerEntry:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either a `command` to start or a `url` to connect to")
        return self


class _Config(BaseModel):
    servers: Mapping[str, ServerEntry] = Field(alias="mcpServers")


def read_config(path: Path) -> dict[str, ServerEntry]:
    """The servers of an `mcpServers` file, by name, with `${VAR}` and `${VAR:-default}` taken from the environment.

    Raises:
        ConfigurationError: the file cannot be read, an entry is wrong, or a variable is not set; says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"Cannot read the configuration {path}: {reason}.") from None
    try:
        return dict(_Config.model_validate(_with_variables(json.loads(text))).servers)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "mcpServers"
        own = first.get("ctx", {}).get("error")  # what a validator of ours says
        raise ConfigurationError(f"{path}: {place}: {own or first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not JSON that can be read: {_unreadable(error)}.") from None
    except _UnsetError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _unreadable(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it has a number with too many digits"


class _UnsetError(Exception):
    """A variable without a value."""


def _with_variables(config: Any) -> Any:
    """The configuration with the variables of its entries replaced. What has another shape stays as it is."""
    servers = config.get("mcpServers") if isinstance(config, dict) else None
    if not isinstance(servers, dict):
        return config
    return config | {"mcpServers": {name: _entry_expanded(entry, name) for name, entry in servers.items()}}


def _entry_expanded(entry: Any, name: str) -> Any:
    if not isinstance(entry, dict):
        return entry
    place = f"mcpServers.{name}"
    return entry | {key: _expanded(entry[key], f"{place}.{key}") for key in _EXPANDED if key in entry}


def _expanded(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_expanded(item, f"{place}.{index}") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _expanded(item, f"{place}.{key}") for key, item in value.items()}
    return _VARIABLE.sub(lambda found: _value(found, place), value) if isinstance(value, str) else value


def _value(found: re.Match[str], place: str) -> str:
    value = os.environ.get(found["name"])
    if value is None or (value == "" and found["default"]):
        if not found["default"]:
            raise _UnsetError(f"{place}: the environment variable {found['name']} is not set.")
        return found["text"]
    return value


def servers_to_use(
    words: Sequence[str], configured: Mapping[str, ServerEntry], own_env: Mapping[str, str]
) -> dict[str, ServerEntry]:
    """The servers named by `--server` words, or all configured ones, or this project's own.

    A word is the name of a configured server, a URL, or a command line. This project's own server is started with
    `own_env`.

    Raises:
        ConfigurationError: a word is none of these.
    """
    if not words and not configured:
        words = [OWN_SERVER]
    chosen = {} if words else dict(configured)
    for word in words:
        if word in configured:
            chosen[word] = configured[word]
        else:
            name, entry = _entry(word, own_env)
            chosen[_unused(name, {**configured, **chosen})] = entry
    return chosen


def _entry(word: str, own_env: Mapping[str, str]) -> tuple[str, ServerEntry]:
    if word.startswith(("http://", "https://")):
        return word, ServerEntry(url=word)
    if word.startswith(("sse+http://", "sse+https://")):
        return word, ServerEntry(url=word.removeprefix("sse+"), type="sse")
    try:
        command, *args = shlex.split(word) or [""]
    except ValueError as error:
        raise _not_a_server(word, str(error)) from None
    if not command:
        raise _not_a_server(word, "it is empty")
    if command == OWN_SERVER:
        # Not by PATH: the server that belongs to this installation.
        return OWN_SERVER, ServerEntry(
            command=sys.executable, args=("-m", "mcp_calc_server", *args), env=own_env, trusted=True
        )
    return Path(command).name, ServerEntry(command=command, args=tuple(args))


def _not_a_server(word: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"--server {word!r} is neither a configured server, a URL nor a command: {reason}")


def _unused(name: str, taken: Mapping[str, ServerEntry]) -> str:
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
