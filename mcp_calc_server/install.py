"""Writing the server into the configuration of a host: Claude Desktop, Claude Code, Cursor."""

from __future__ import annotations

import json
import re
import shutil
import stat
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentloop import ConfigurationError
from agentloop.exact_json import is_encodable
from agentloop.mcp.client.config_file import read_document
from agentloop.mcp.client.hosts import config_files
from agentloop.own_files import OWNER_ONLY, replace_own

HOSTS = ("claude-desktop", "claude-code", "cursor")
"""Those whose files have an object `mcpServers`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would be written: the whole file's new text.

    `entry` is what the file gets of this command, without what an older entry keeps. `changes` are a few words each:
    how an entry that is there already changes.
    """

    path: Path
    entry: Mapping[str, Any]
    text: str
    needed: bool
    changes: Sequence[str]

    def apply(self, host: str, name: str) -> str:
        """Write the file, whole or not at all, and first a copy of the old one. Returns what was done, for people."""
        if not self.needed:
            return f"{self.path} already has this entry for {name}."
        lines = [f"Wrote the entry {name} to {self.path}.", *(f"  {change}" for change in self.changes)]
        mode = OWNER_ONLY
        if self.path.exists():
            mode, backup = stat.S_IMODE(self.path.stat().st_mode), _free_backup(self.path)
            shutil.copy2(self.path, backup)
            lines.append(f"The old file is {backup}.")
        replace_own(self.path, self.text, mode=mode)
        return "\n".join([*lines, f"Restart {host} to use it."])


def entry(arguments: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    """The `mcpServers` entry that starts this installation: hosts do not share the user's PATH."""
    started: dict[str, Any] = {"command": sys.executable, "args": ["-m", "mcp_calc_server", *arguments]}
    return started | ({"env": dict(env)} if env else {})


def plan(host: str, new: Mapping[str, Any], *, name: str) -> Change:
    """How the configuration of `host` would have to change to have the entry `new` under that name.

    All else in the file stays, and so does what an entry that is there already has besides: variables of its `env` that
    `new` does not set, and other keys.

    Raises:
        ConfigurationError: the file is there and is not a JSON object with an object `mcpServers`.
    """
    path = config_files()[host]
    try:
        path = path.resolve()  # what a link points to is replaced, not the link
        old_text, config = _read(path)
    except RuntimeError:
        raise ConfigurationError(f"{path}: a link that leads in a circle. Nothing was changed.") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}. Nothing was changed.") from None
    servers = config["mcpServers"]
    old = servers.get(name)
    merged = _merged(old, new) if isinstance(old, dict) else dict(new)
    servers[name] = merged
    text = json.dumps(config, indent=_indent(old_text), ensure_ascii=False) + "\n"
    if not is_encodable(text):
        raise ConfigurationError(f"{path}: a path or value of the new entry is not UTF-8 text. Nothing was changed.")
    changes = _changes(old, merged) if isinstance(old, dict) else ()
    return Change(path, {"mcpServers": {name: new}}, text, old != merged, tuple(changes))


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old entry with the new one's values. An entry for another way to reach the server loses that."""
    merged = {key: value for key, value in old.items() if key not in {"url", "type", "headers"}} | dict(new)
    env = old.get("env")
    return merged | ({"env": {**env, **new.get("env", {})}} if isinstance(env, dict) else {})


def _changes(old: Mapping[str, Any], merged: Mapping[str, Any]) -> Iterator[str]:
    """`args: replaced`. Never values, some of which are secrets."""
    for key in {**old, **merged}:
        if key == "env" and isinstance(old.get(key), dict):
            yield from (f"env {each}" for each in _changes(old[key], merged[key]))
        elif key not in merged:
            yield f"{key}: removed"
        elif key not in old:
            yield f"{key}: added"
        else:
            yield f"{key}: {'kept' if old[key] == merged[key] else 'replaced'}"


def _indent(text: str) -> int | str:
    """What a level of the file is indented by: two spaces unless the file does it otherwise."""
    found = re.search(r"^[{\[]\s*?\n([ \t]+)", text)
    return found[1] if found else 2


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of the file, and its object, with an object `mcpServers`; both are empty if there is no file."""
    raw = path.read_bytes() if path.exists() else b""
    if raw.startswith(BOM_UTF8):
        raise ConfigurationError(f"{path}: begins with a byte order mark. Save it as UTF-8 without one")
    config = read_document(path) if raw.strip() else {}
    if not isinstance(config, dict) or not isinstance(config.setdefault("mcpServers", {}), dict):
        raise ConfigurationError(f"{path}: not a JSON object, or its `mcpServers` is not one")
    return raw.decode(), config


def _free_backup(path: Path) -> Path:
    """A name beside the file that is not taken: no backup is ever overwritten."""
    number = 1
    while (backup := path.with_name(f"{path.name}.backup{number}")).exists():
        number += 1
    return backup
