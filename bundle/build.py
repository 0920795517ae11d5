"""Build the bundle that Claude Desktop installs: `python bundle/build.py` makes `dist/mcp-calc-server-VERSION.mcpb`.

The same sources give the same bytes. `manifest.json` beside this file lacks what others know: version and Python from
`pyproject.toml`, the tools from `schemas.json`.
"""

# ruff: noqa: INP001 - a program, not a package
from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = ("LICENSE", "README.md", "pyproject.toml", "schemas.json")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can say."""
READABLE = 0o100644 << 16


def manifest() -> dict[str, Any]:
    """The manifest, complete."""
    fixed: dict[str, Any] = json.loads((ROOT / "bundle/manifest.json").read_text(encoding="utf-8"))
    project = _project()
    tools = json.loads((ROOT / "schemas.json").read_text(encoding="utf-8"))["tools"]
    fixed["compatibility"]["runtimes"]["python"] = project["requires-python"]
    described = [{"name": tool["name"], "description": _first_sentence(tool["description"])} for tool in tools]
    return {**fixed, "version": project["version"], "tools": described}


def contents() -> dict[str, bytes]:
    """The files of the bundle by name, sorted."""
    packages = _project_file()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    sources = [path for package in packages for path in (ROOT / package).rglob("*") if _is_source(path)]
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in [*sources, *(ROOT / name for name in FILES)]}
    files["icon.png"] = (ROOT / "bundle/icon.png").read_bytes()
    files["manifest.json"] = (json.dumps(manifest(), indent=2) + "\n").encode()
    return dict(sorted(files.items()))


def build(folder: Path) -> Path:
    """Write the bundle into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mcp-calc-server-{_project()['version']}.mcpb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents().items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def _project_file() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _project() -> dict[str, Any]:
    project: dict[str, Any] = _project_file()["project"]
    return project


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"))  # noqa: T201
