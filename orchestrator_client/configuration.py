"""The user's configuration file, a project's `.mcp.json`, and the commands `add`, `remove` and `list`."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentloop import ConfigurationError
from agentloop.command_line import print_result
from agentloop.imports import lazy
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.config_file import read_document, read_entries, servers_in
from agentloop.mcp.client.hosts import config_files
from agentloop.narration import clip
from agentloop.own_files import locked, replace_own, state_folder
from agentloop.redaction import without_passwords
from orchestrator_client.lines import say

if TYPE_CHECKING:
    import tomlkit
else:
    tomlkit = lazy("tomlkit")  # only for writing the file

PROJECT = Path(".mcp.json")
"""The file of a project, in the current directory."""
SERVERS, DEFAULTS = "servers", "defaults"
LOCK_PATIENCE = 10.0
"""Seconds in which another process has to finish its change of the file."""

Say = Callable[[str], None]


def user_file() -> Path:
    """`config.toml` of this user, after the XDG base directory specification. It may not exist."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "orchestrator-client" / "config.toml"


def user_servers(say: Say, used: Collection[str] | None = None) -> dict[str, ServerEntry]:
    """The servers of the user's file; none if there is no file. `used` is as in `read_config`.

    Raises:
        ConfigurationError: the file cannot be read or an entry is wrong.
    """
    path = user_file()
    document = _document(path)
    return servers_in(document, path, say, used) if SERVERS in document else {}


def defaults(known: Sequence[str]) -> dict[str, Any]:
    """The table `defaults` of the user's file: values of options, by the names of their parameters.

    Raises:
        ConfigurationError: the file cannot be read, or a key is not one of `known`.
    """
    path = user_file()
    document = _document(path)
    for key in document:
        if key not in {SERVERS, DEFAULTS}:
            raise ConfigurationError(f"{path}: {clip(key, 40)}: use one of {DEFAULTS}, {SERVERS}.")
    table = document.get(DEFAULTS, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: {DEFAULTS}: a table is needed")
    found = {str(key).replace("-", "_"): value for key, value in table.items()}
    for key in found:
        if key not in known:
            raise ConfigurationError(f"{path}: {DEFAULTS}.{clip(key, 40)}: use one of {', '.join(sorted(known))}.")
    return found


def project_servers(
    say: Say, confirm: Callable[[str], bool] | None, used: Collection[str] | None = None
) -> dict[str, ServerEntry]:
    """The servers of the project's `.mcp.json`, once the user has confirmed what it starts and connects to.

    `confirm` asks a question; None if nobody is there. The answer holds until the file changes. Variables are replaced
    only after that.

    Raises:
        ConfigurationError: the file cannot be read or an entry is wrong.
    """
    if not PROJECT.exists():
        return {}
    path, kept = PROJECT.resolve(), state_folder("orchestrator-client") / "projects.json"
    document = read_document(path)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    if read_state(kept).get(str(path)) != digest:
        if confirm is None:
            say(f"{path} is not used: nobody has confirmed its servers. Confirm them on a terminal, or use --config.")
            return {}
        lines = "\n".join(f"  {name}: {reached_by}" for name, reached_by in _described(document))
        if not confirm(f"{path} has servers for this folder:\n{lines}\nStart and use them, now and later?"):
            return {}
        write_state(kept, read_state(kept) | {str(path): digest})
    return servers_in(document, path, say, used)


def project_names() -> set[str]:
    """The names of the project's servers; none if its file is missing or cannot be read."""
    try:
        return set(_raw_servers(_document(PROJECT)))
    except ConfigurationError:
        return set()


def _described(document: Any) -> Iterator[tuple[str, str]]:
    """Each server as its file has it: its name, and what it starts or connects to."""
    for name, entry in _raw_servers(document).items():
        yield clip(str(name), 64), clip(without_passwords(_reached_by(entry)), 300)


def add_servers(
    name: str | None,
    reached_by: Sequence[str],
    *,
    env: Sequence[str],
    headers: Sequence[str],
    transport: str | None,
    source: str | None,
    force: bool,
) -> None:
    """Write one server, or those of another program, into the user's file.

    Raises:
        ConfigurationError: something is missing or wrong.
    """
    if source is not None:
        if reached_by or env or headers or transport:
            raise ConfigurationError("--from takes servers as they are. Leave out the command or URL and its options.")
        _take_over(name, source, force=force)
        return
    if name is None or not reached_by:
        raise ConfigurationError("Say what to add: a name, and a command or URL. Or --from claude-desktop.")
    entry = {key: value for key, value in _entry(reached_by, env, headers, transport).items() if value}
    command = entry.get("command", "")
    if command and not force and "${" not in command and shutil.which(command) is None:
        raise ConfigurationError(
            f"There is no program {clip(command, 80)!r} here. --force adds it all the same. "
            "If this is a question, quote it."
        )
    _add(name, entry, force=force)


def remove_server(name: str) -> None:
    """Take a server out of the user's file.

    Raises:
        ConfigurationError: there is no such server, or the file cannot be written.
    """
    path = user_file()
    with _edited(path) as document:
        if name not in document.get(SERVERS, {}):
            known = ", ".join(document.get(SERVERS, {})) or "none"
            raise ConfigurationError(f"{path} has no server {name!r}. It has: {known}.")
        del document[SERVERS][name]
    say(f"removed: {name}")


def list_servers() -> None:
    """Print a line for each configured server: its name, where it is configured, and what it starts or connects to."""
    places = {"yours": user_file(), "of this folder": PROJECT}
    lines = [f"{name} ({whose}): {how}" for whose, path in places.items() for name, how in _described(_document(path))]
    for line in lines:
        print_result(line)
    if not lines:
        say("No server is configured. Add one: orchestrator-client add NAME COMMAND|URL")


def _take_over(name: str | None, source: str, *, force: bool) -> None:
    path = config_files().get(source, Path(source))
    entries = _raw_servers(read_document(path))
    if not entries:
        raise ConfigurationError(f"{path} has no `mcpServers` or `servers`.")
    if name is not None and name not in entries:
        raise ConfigurationError(f"{path} has no server {name!r}. It has: {', '.join(entries)}.")
    added = 0
    for each in entries if name is None else [name]:
        try:
            _add(each, entries[each], force=force, source=path)
        except ConfigurationError as error:
            say(f"not added: {each}: {error}")
        else:
            added += 1
    if not added:
        raise ConfigurationError(f"No server of {path} was added.")


def _add(name: str, entry: Mapping[str, Any], *, force: bool, source: Path | None = None) -> None:
    """Write a server, of the file `source`, into the user's file, whose comments and order are kept."""
    path = user_file()
    read_entries({name: entry}, source or path, key=SERVERS, used=())
    with _edited(path) as document:
        servers = document.setdefault(SERVERS, tomlkit.table(is_super_table=True))
        if name in servers and not force:
            raise ConfigurationError(f"{path} has a server {name!r}. Remove it first, or use --force.")
        servers[name] = _without_null(entry)
    say(f"added: {name}, in {path}")


def _entry(
    reached_by: Sequence[str], env: Sequence[str], headers: Sequence[str], transport: str | None
) -> dict[str, Any]:
    first, *rest = reached_by
    if first.lower().startswith(("http://", "https://")):
        if rest or env:
            raise ConfigurationError("A URL takes --header and --transport, but neither arguments nor --env.")
        return {"url": first, "type": transport, "headers": _pairs(headers, ":", "--header")}
    if headers or transport:
        raise ConfigurationError("--header and --transport are for a URL.")
    if "://" in first:
        raise ConfigurationError(f"{without_passwords(first)} is not an http:// or https:// address.")
    return {"command": first, "args": rest, "env": _pairs(env, "=", "--env")}


def _pairs(given: Sequence[str], separator: str, option: str) -> Mapping[str, str]:
    found = {}
    for each in given:
        name, is_pair, value = each.partition(separator)
        if not is_pair or not name.strip():
            raise ConfigurationError(f"{option} takes NAME{separator}VALUE.")  # it may hold a credential
        found[name.strip()] = value.strip() if separator == ":" else value
    return found


def read_state(file: Path) -> dict[str, Any]:
    """The object in a file of the state folder; an empty one if the file cannot be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_state(file: Path, state: Mapping[str, Any]) -> None:
    """Keep what the user has answered. If that is not possible, they are asked again the next time."""
    with suppress(OSError):
        replace_own(file, json.dumps(state, indent=2))


def _raw_servers(document: Any) -> Mapping[str, Any]:
    servers = document.get("mcpServers", document.get(SERVERS)) if isinstance(document, dict) else None
    return servers if isinstance(servers, dict) else {}


def _reached_by(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "not an object"
    if "command" in entry:
        return shlex.join([str(entry["command"]), *map(str, entry.get("args") or ())])
    return str(entry.get("url") or entry.get("httpUrl") or entry.get("serverUrl") or "neither `command` nor `url`")


def _document(path: Path) -> dict[str, Any]:
    document = read_document(path) if path.exists() else {}
    return document if isinstance(document, dict) else {}


@contextmanager
def _edited(path: Path) -> Iterator[tomlkit.TOMLDocument]:
    """The file, to be changed in the block and written at its end. Of several processes, one at a time does that."""
    try:
        with locked(path.with_name(f".{path.name}.lock"), LOCK_PATIENCE):
            document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
            yield document
            replace_own(path.resolve(), tomlkit.dumps(document))  # a link, as from dotfiles, stays a link
    except UnicodeEncodeError:
        raise ConfigurationError(f"Cannot change {path}: a name or value is not UTF-8 text.") from None
    except (OSError, sqlite3.Error, UnicodeDecodeError, tomlkit.exceptions.TOMLKitError) as error:
        raise ConfigurationError(f"Cannot change {path}: {error}") from None


def _without_null(value: Any) -> Any:
    """TOML has no null; where hosts write it, it means that the key is not set."""
    if isinstance(value, Mapping):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value if item is not None] if isinstance(value, list) else value
