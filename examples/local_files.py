"""Tools of the researcher: read-only access to the text files of one folder, `RESEARCH_FOLDER` or the current one."""

import os
from pathlib import Path

from agentloop import ToolError, tool

MAX_FILES = 2_000
MAX_HITS = 50
MAX_CHARACTERS = 20_000


def _root() -> Path:
    return Path(os.environ.get("RESEARCH_FOLDER", ".")).resolve()


def _files() -> list[Path]:
    root = _root()
    found = [path for path in sorted(root.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root)]
    shown = [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    return shown[:MAX_FILES]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


@tool(read_only=True, open_world=False)
def list_files(pattern: str = "*") -> list[str]:
    """List the files whose path matches a pattern such as `*.md`, relative to the folder."""
    root = _root()
    return [str(path.relative_to(root)) for path in _files() if path.match(pattern)]


@tool(read_only=True, open_world=False)
def search_files(text: str) -> list[str]:
    """Find a text, ignoring case: up to 50 lines, each as `path:line: text`."""
    root = _root()
    hits = [
        f"{path.relative_to(root)}:{number}: {line.strip()[:200]}"
        for path in _files()
        for number, line in enumerate(_text(path).splitlines(), 1)
        if text.lower() in line.lower()
    ]
    return hits[:MAX_HITS]


@tool(read_only=True, open_world=False)
def read_file(path: str) -> str:
    """Read a text file of the folder, up to 20,000 characters."""
    file = (_root() / path).resolve()
    if file not in {each.resolve() for each in _files()}:
        raise ToolError(f"There is no file {path!r}. List the files first.")
    return _text(file)[:MAX_CHARACTERS]
