"""Reads an `mcpServers` file as Claude Desktop, Claude Code, Cursor and VS Code write it.

References: https://code.claude.com/docs/en/mcp, https://cursor.com/docs/mcp,
https://code.visualstudio.com/docs/agents/reference/mcp-configuration
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ValidationError

from agentloop import ConfigurationError
from agentloop.mcp.client.config import LONGEST_NAME, SHORTEST_TIMEOUT, ServerEntry
from agentloop.mcp.client.oauth_settings import OAuthSettings
from agentloop.narration import clip

Warn = Callable[[str], None]

MOST_DIGITS = 100
"""Characters of a number in a configuration."""

_VARIABLE = re.compile(
    r"\$\{(?P<host>[A-Za-z]+:)?(?P<name>[A-Za-z_/][A-Za-z0-9_.-]*?)(?P<default>:-(?P<text>[^}]*))?\}"
)
_EXPANDED = ("command", "args", "env", "url", "serverUrl", "httpUrl", "headers", "cwd", "envFile", "oauth")
_SETTING = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_ENV_VALUE = re.compile(r"""(?P<quote>["'])(?P<quoted>.*?)(?P=quote)(?:\s+#.*)?|(?P<plain>.*?)(?:\s+#.*)?""")
"""With a comment after it, perhaps; a # within a value has no space before it or is in quotes."""


def _names(model: type[BaseModel]) -> list[tuple[str, ...]]:
    return [
        tuple(map(str, field.validation_alias.choices)) if isinstance(field.validation_alias, AliasChoices) else (name,)
        for name, field in model.model_fields.items()
    ]


_FIELDS = _names(ServerEntry)
"""The names of each field."""
_OAUTH_KEYS = {name for names in _names(OAuthSettings) for name in names}
_FOR_HOSTS_ONLY = {"name", "description", "icon", "version", "gallery", "dev", "alwaysLoad"}
"""Keys for a host's user interface."""
_WITHOUT_EFFECT = {
    "auth": "what a login needs belongs into `oauth`, a token into `headers`",
    "headersHelper": "headers are not computed by a command here; give them in `headers`",
    "sandbox": "the server runs without a sandbox",
    "sandboxEnabled": "the server runs without a sandbox",
}
_LISTS_AND_OBJECTS = {
    "tuple_type": "a list is needed",
    "mapping_type": "an object is needed",
    "dict_type": "an object is needed",
}


def read_config(
    path: Path, warn: Warn = lambda _text: None, used: Collection[str] | None = None
) -> dict[str, ServerEntry]:
    """The servers of a configuration file, by name. Those not `used` keep their variables, which need not be set.

    `${VAR}`, `${VAR:-default}` and `${env:VAR}` are taken from the environment; `${workspaceFolder}` is the current
    directory. `warn` receives a line for each key that has no effect here.

    Raises:
        ConfigurationError: the file cannot be read, an entry is wrong, or a variable is not set; says where.
    """
    document = read_document(path)
    if path.suffix == ".toml" and isinstance(document, dict):
        for key in document.keys() - {"servers", "mcpServers"}:
            warn(f"{path}: {key} has no effect here.")
    return servers_in(document, path, warn, used)


def read_document(path: Path) -> Any:
    """The value of a JSON file, or of a TOML file if its name ends in `.toml`.

    Raises:
        ConfigurationError: the file cannot be read, or is not of that kind; says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text) if path.suffix == ".toml" else parse_json(text, path)
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"Cannot read {path}: byte {error.start} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: objects and lists are nested too deeply") from None


def servers_in(document: Any, path: Path, warn: Warn, used: Collection[str] | None = None) -> dict[str, ServerEntry]:
    """The servers of a document, by name. `path` is where it comes from, for messages, and `used` as in `read_config`.

    Raises:
        ConfigurationError: an entry is wrong, or a variable is not set.
    """
    given = document if isinstance(document, dict) else {}
    key = "servers" if "servers" in given and "mcpServers" not in given else "mcpServers"
    if key not in given:
        raise ConfigurationError(f"{path}: {key}: is missing")
    try:
        return read_entries(given[key], path, warn, key=key, used=used)
    except RecursionError:
        raise ConfigurationError(f"{path}: objects and lists are nested too deeply") from None


def read_entries(
    servers: Mapping[str, Any],
    place: Path | str,
    warn: Warn = lambda _text: None,
    *,
    key: str = "mcpServers",
    used: Collection[str] | None = None,
) -> dict[str, ServerEntry]:
    """The servers of an `mcpServers` object, by name. `place` says in messages where it was.

    Raises:
        ConfigurationError: as `read_config`.
    """
    if not isinstance(servers, Mapping):
        raise ConfigurationError(f"{place}: {key}: an object with the servers is needed")
    return {
        name: value
        if isinstance(value, ServerEntry)
        else _entry(
            value, f"{place}: {key}.{_checked_name(name, place, key)}", warn, is_used=used is None or name in used
        )
        for name, value in servers.items()
    }


def parse_json(text: str, path: Path) -> Any:
    """The JSON value of a file's text.

    Raises:
        ConfigurationError: it is not JSON, has a number that is not finite or very long, or has a lone surrogate.
        RecursionError: objects and lists are nested too deeply.
    """
    try:
        config = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_number)
        json.dumps(config, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        is_comment = text[error.pos :].startswith(("//", "/*"))
        reason = "comments are not allowed" if is_comment else error.msg
        raise ConfigurationError(f"{path}:{error.lineno}:{error.colno}: not JSON: {reason}") from None
    except UnicodeEncodeError:
        raise ConfigurationError(f"{path}: half a character (a lone surrogate)") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    else:
        return config


def _number(text: str) -> float:
    value = float(text)
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number that can be used")
    return value if any(each in text for each in ".eE") else int(text)


def _checked_name(name: str, path: Path | str, key: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        shown = clip(name, 40)
        raise ConfigurationError(
            f"{path}: {key}: the server name {shown!r} is wrong: use 1 to {LONGEST_NAME} printable characters"
        )
    return name


def _entry(value: Any, place: str, warn: Warn, *, is_used: bool) -> ServerEntry:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{place}: an object is needed")
    value = {key: each for key, each in value.items() if each is not None}
    expand = is_used and value.get("disabled") is not True and value.get("enabled") is not False
    keys = [key for key in _EXPANDED if key in value and expand]
    expanded = value | {key: _expanded(value[key], f"{place}.{key}") for key in keys}
    _check_keys(expanded, place)
    if expand and "envFile" in expanded:
        env = expanded.get("env") or {}
        from_file = read_env_file(expanded["envFile"], f"{place}.envFile")
        expanded["env"] = from_file | env if isinstance(env, dict) else env
    try:
        entry = ServerEntry.model_validate(expanded)
    except ValidationError as error:
        raise ConfigurationError(f"{place}{_described(error)}") from None
    for line in _without_effect(value, entry):
        warn(f"{place}: {line}")
    return entry


def _described(error: ValidationError) -> str:
    """The first problem: `.args.0: Input should be a valid string`. Never the value, which may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = "".join(f".{clip(str(part), 40)}" for part in first["loc"])
    # Pydantic calls lists and objects tuples and dictionaries, and begins the text of a `ValueError` with its name.
    is_ours = first["type"] == "value_error"
    reason = str(first["ctx"]["error"]) if is_ours else _LISTS_AND_OBJECTS.get(first["type"], first["msg"])
    return f"{where}: {reason}"


def _check_keys(entry: Mapping[str, Any], place: str) -> None:
    for names in _FIELDS:
        given = [name for name in names if name in entry]
        if len(given) > 1:
            raise ConfigurationError(f"{place}: `{given[0]}` and `{given[1]}` mean the same; give one of them")


def _without_effect(value: Mapping[str, Any], entry: ServerEntry) -> Iterable[str]:
    known = {name for names in _FIELDS for name in names} | _FOR_HOSTS_ONLY | {"envFile"}
    for key in value:
        if key in _WITHOUT_EFFECT:
            yield f"`{key}` has no effect: {_WITHOUT_EFFECT[key]}"
        elif key not in known and not key.startswith(("_", "$", "/", "#")):
            yield f"`{clip(key, 40)}` is not known here and has no effect"
    for key in value.get("oauth") or ():
        if key not in _OAUTH_KEYS:
            yield f"`oauth.{clip(key, 40)}` is not known here and has no effect"
    if entry.timeout is not None and entry.seconds is None:
        yield f"`timeout` is in milliseconds; less than {SHORTEST_TIMEOUT:.0f} has no effect"


def read_env_file(path: Any, place: str = "--env-file") -> dict[str, str]:
    """The variables of a file with `NAME=VALUE` lines. `place` says in messages where the file is named.

    Raises:
        ConfigurationError: `path` is not a path, the file cannot be read, or a line is wrong.
    """
    if not isinstance(path, str | Path):
        raise ConfigurationError(f"{place}: a string is needed")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{place}: cannot read {path}: {reason}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise ConfigurationError(f"{place}: {path}:{number}: NAME=VALUE is needed")
        value = _ENV_VALUE.fullmatch(setting["value"])
        assert value is not None  # it matches every line
        found[setting["name"]] = value["plain"] if value["quoted"] is None else value["quoted"]
    return found


def _expanded(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_expanded(item, f"{place}.{index}") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _expanded(item, f"{place}.{key}") for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ConfigurationError(f"{place}: has a NUL character")
    return _VARIABLE.sub(lambda found: _value(found, place), value)


def _value(found: re.Match[str], place: str) -> str:
    host, name = found["host"], found["name"]
    if host not in (None, "env:"):
        raise ConfigurationError(
            f"{place}: ${{{host}{name}}} is known to VS Code only; use an environment variable, ${{NAME}}"
        )
    known = {
        "workspaceFolder": str(Path.cwd()),
        "workspaceFolderBasename": Path.cwd().name,
        "userHome": os.path.expanduser("~"),  # noqa: PTH111 - no exception without a home
        "pathSeparator": os.sep,
        "/": os.sep,
    }
    value = os.environ.get(name, known.get(name) if host is None else None)
    if value is None or (value == "" and found["default"]):
        if not found["default"]:
            raise ConfigurationError(f"{place}: the environment variable {name} is not set.")
        return found["text"]
    return value
