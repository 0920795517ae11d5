"""Where other MCP hosts keep their servers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def config_files() -> Mapping[str, Path]:
    """The configuration files of hosts, by the names that commands have for them. They may not exist."""
    home = Path.home()
    desktop = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if sys.platform == "darwin":
        desktop = home / "Library/Application Support"
    elif sys.platform == "win32":
        desktop = Path(os.environ.get("APPDATA") or home / "AppData/Roaming")
    return {
        "claude-desktop": desktop / "Claude/claude_desktop_config.json",
        "claude-code": home / ".claude.json",
        "cursor": home / ".cursor/mcp.json",
        "vscode": Path(".vscode/mcp.json"),
    }
