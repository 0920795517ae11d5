"""Writing the server into the configuration of a host: Claude Desktop, Claude Code, Cursor."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentloop import ConfigurationError

NAME = "calculator"


def _claude_desktop() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Claude/claude_desktop_config.json"
    if sys.platform == "win32":
        return Path(os.environ["APPDATA"]) / "Claude/claude_desktop_config.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "Claude/claude_desktop_config.json"


def _claude_code() -> Path:
    return Path.home() / ".claude.json"


def _cursor() -> Path:
    return Path.home() / ".cursor/mcp.json"


HOSTS: Mapping[str, Callable[[], Path]] = {
    "claude-desktop": _claude_desktop,
    "claude-code": _claude_code,
    "cursor": _cursor,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What would be written: the whole file's new text. `backup` is where the old one goes, None if there is none."""

    path: Path
    text: str
    backup: Path | None
    needed: bool

    def apply(self) -> None:
        """Write the file, its old content first to `backup`. The file is replaced whole or not at all."""
        if not self.needed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.backup is not None:
            shutil.copy2(self.path, self.backup)
        new = self.path.with_name(self.path.name + ".new")
        new.touch(mode=0o600)
        new.write_text(self.text, encoding="utf-8")
        if self.path.exists():
            shutil.copymode(self.path, new)
        new.replace(self.path)


def entry(arguments: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    """The `mcpServers` entry that starts this installation: hosts do not share the user's PATH."""
    started: dict[str, Any] = {"command": sys.executable, "args": ["-m", "mcp_calc_server", *arguments]}
    return started | ({"env": dict(env)} if env else {})


def plan(host: str, new: Mapping[str, Any], *, path: Path | None = None) -> Change:
    """How the configuration of `host` would have to change to have the entry `new`; all else in it stays.

    Raises:
        ConfigurationError: the file is there and is not a JSON object with an object `mcpServers`.
    """
    # What a link points to is replaced, not the link.
    path = (path or HOSTS[host]()).resolve()
    old_text = _read(path)
    config = _parse(old_text, path)
    servers = config.setdefault("mcpServers", {})
    if not isinstance(servers, dict):
        raise ConfigurationError(f"{path}: `mcpServers` is not an object. Nothing was changed.")
    needed = servers.get(NAME) != new
    servers[NAME] = dict(new)
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return Change(path, text, _free_backup(path) if old_text else None, needed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8: {error.reason}. Nothing was changed.") from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        config = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}:{error.lineno}: not JSON: {error.msg}. Nothing was changed.") from None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path}: not a JSON object. Nothing was changed.")
    return config


def _free_backup(path: Path) -> Path:
    """A name beside the file that is not taken: no backup is ever overwritten."""
    number = 1
    while (backup := path.with_name(f"{path.name}.backup{number}")).exists():
        number += 1
    return backup
