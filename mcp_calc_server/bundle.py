"""`mcp-calc-server bundle`: one file with agents, for hosts that install MCP bundles (.mcpb), such as Claude Desktop.

A bundle has the agents, the sources of this installation, and a manifest; the host starts it with `uv`, which installs
the libraries. The format: https://github.com/modelcontextprotocol/mcpb, manifest version 0.4.
"""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import metadata, requires
from pathlib import Path
from typing import Any

from agentloop import ConfigurationError
from agentloop.exact_json import is_encodable
from agentloop.mcp.server.program import default_name
from mcp_calc_server.contract import contract_file
from mcp_calc_server.options import PublishedOptions
from mcp_calc_server.publishing import Published, module_files

PACKAGES = ("agentloop", "mcp_calc_server", "offline_model")
MAX_BYTES = 100_000_000
"""Of all files of one bundle."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can say: the same files give the same bytes."""
READABLE = 0o100644 << 16
CONTENT = "published"
"""The folder of the user's files in a bundle."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of the directories of agents of `options`. What these do not say is taken from what is `published`."""

    options: PublishedOptions
    published: Published
    description: str

    @property
    def name(self) -> str:
        return self.options.name or default_name(self.published.names)

    @property
    def tools(self) -> list[dict[str, str]]:
        files = self.published.files
        return [{"name": f"{file.name}_agent", "description": file.description[:500]} for file in files]

    @property
    def folders(self) -> Mapping[str, Path]:
        """The directories of agents by name.

        Raises:
            ConfigurationError: two have the same name.
        """
        named = {folder.resolve().name: folder for folder in self.options.agents}
        if len(named) < len(self.options.agents):
            raise ConfigurationError("Two of the directories have the same name, which is their place in the bundle.")
        return named

    def manifest(self) -> dict[str, Any]:
        """What the host reads.

        Raises:
            ConfigurationError: the version is not one that hosts take, or two directories have the same name.
        """
        version = self.options.version_label or "0.1.0"
        if not re.fullmatch(r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?", version):
            raise ConfigurationError(f"--version-label {version}: hosts take a semantic version, such as 1.2.0.")
        title = self.options.title or self.name
        arguments = [word for folder in self.folders for word in ("--agents", f"${{__dirname}}/{CONTENT}/{folder}")]
        arguments += ["--name", self.name, "--title", title, "--version-label", version]
        arguments += ["--instructions", self.options.instructions] if self.options.instructions else []
        env = {"PYTHONPATH": f"${{__dirname}}/{CONTENT}", "ANTHROPIC_API_KEY": "${user_config.anthropic_api_key}"}
        run = ["run", "--directory", "${__dirname}", "--no-dev", "mcp-calc-server"]
        return {
            "manifest_version": "0.4",
            "name": self.name,
            "display_name": title,
            "version": version,
            "description": self.description or " ".join(file.description for file in self.published.files)[:500],
            "author": {"name": title},
            "server": {
                "type": "uv",
                "entry_point": "mcp_calc_server/__main__.py",
                "mcp_config": {"command": "uv", "args": [*run, *arguments], "env": env},
            },
            "tools": self.tools,
            "user_config": {"anthropic_api_key": _KEY},
            "compatibility": {"runtimes": {"python": metadata("mcp-calc-server")["Requires-Python"]}},
        }

    def write(self, path: Path) -> None:
        """Write the bundle.

        Raises:
            ConfigurationError: the options or the directories are wrong, or the files too large.
            OSError: a file cannot be read, or the bundle not written.
        """
        files = {**_sources(), **self._own(), "pyproject.toml": _project().encode()}
        files["manifest.json"] = (json.dumps(self.manifest(), indent=2) + "\n").encode()
        if sum(map(len, files.values())) > MAX_BYTES:
            raise ConfigurationError(f"The files of the bundle have more than {MAX_BYTES:,} bytes.")
        if odd := next((name for name in files if not is_encodable(name)), None):
            raise ConfigurationError(f"{odd}: the name of the file is not UTF-8 text.")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(files.items()):
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.external_attr = READABLE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)

    def _own(self) -> dict[str, bytes]:
        modules = [_files(path, f"{CONTENT}/{path.name}") for path in _modules_below(Path.cwd())]
        files = {name: content for each in modules for name, content in each.items()}
        return files | {self._place(path): path.read_bytes() for path in self.published.sources}

    def _place(self, path: Path) -> str:
        """The name of a published file in the bundle.

        Raises:
            ConfigurationError: it is not in one of the directories.
        """
        for each in sorted(self.options.agents, key=Path.is_file):
            folder, name = (each.parent, "") if each.is_file() else (each, each.resolve().name)
            if _plain(path).is_relative_to(_plain(folder)):
                return Path(CONTENT, name, _plain(path).relative_to(_plain(folder))).as_posix()
        raise ConfigurationError(f"{path} is not in a directory of agents, and so not in the bundle. Move it there.")


_KEY = {
    "type": "string",
    "title": "Anthropic API key",
    "description": "The agents ask Claude with it, and Anthropic charges its owner.",
    "sensitive": True,
    "required": False,
    "default": "",
}


def _plain(path: Path) -> Path:
    """The path without `..`, but with its links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` follows links


def _modules_below(folder: Path) -> list[Path]:
    """The modules and packages in a folder that are imported, but not this program and its libraries."""
    imported = [name for name in sys.modules if "." not in name and name not in {*PACKAGES, "__main__"}]
    return [
        path
        for path in module_files(imported)
        if folder in path.parents and "site-packages" not in path.parts and not path.is_relative_to(sys.prefix)
    ]


def _files(path: Path, name: str) -> dict[str, bytes]:
    """A file, or those of a folder, as `name` in the bundle.

    Hidden files, compiled modules and links that lead elsewhere are left out.
    """
    found = {each: each.relative_to(path) for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file()}
    return {
        Path(name, place).as_posix(): each.read_bytes()
        for each, place in found.items()
        if not any(part.startswith(".") or part == "__pycache__" for part in place.parts)
        and each.resolve().is_relative_to(path.resolve())
    }


def _sources() -> dict[str, bytes]:
    """The packages of this installation, and the contract of its calculator."""
    root = Path(__file__).parent.parent
    files = {name: content for each in PACKAGES for name, content in _files(root / each, each).items()}
    return {**files, "mcp_calc_server/schemas.json": contract_file().read_bytes()}


def _project() -> str:
    """A project file with this installation's requirements, for `uv`."""
    about = metadata("mcp-calc-server")
    needed = [each for each in requires("mcp-calc-server") or () if "extra ==" not in each]
    return f"""\
[project]
name = "mcp-calc-server"
version = "{about["Version"]}"
requires-python = "{about["Requires-Python"]}"
dependencies = {json.dumps(needed)}

[project.scripts]
mcp-calc-server = "mcp_calc_server.__main__:main"

[build-system]
requires = ["hatchling>=1.27,<2"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = {json.dumps(PACKAGES)}
"""
