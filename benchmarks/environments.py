"""The pinned environments the runners run in, each made once under a folder git ignores.

python -m benchmarks.environments [NAME ...]
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / ".environments"
NEWEST = 14
"""The newest minor version of Python 3 that is looked for."""


class CannotBeMade(Exception):
    """An environment is not to be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """`minor` is that of the oldest Python 3 its packages install on."""

    pins: tuple[str, ...]
    minor: int = 11


WANTED = {
    "anthropic": Environment(("anthropic[aiohttp]==2.12.0", "mcp==2.3.0", "uvloop==0.23.0")),
    "fastmcp": Environment(("fastmcp==4.1.2", "mcp==2.3.0", "anthropic==2.12.0")),
    "pydantic_ai": Environment(("pydantic-ai-slim[anthropic]==2.68.0", "anthropic==2.12.0")),
    "langchain": Environment(
        ("langchain==1.4.7", "langgraph==1.2.22", "langchain-anthropic==1.7.7", "anthropic==2.12.0")
    ),
    "openai_agents": Environment(("openai-agents[litellm]==0.24.0", "litellm==1.83.0")),
    "fast_agent": Environment(("fast-agent-mcp==0.10.46",), minor=12),
    "strands": Environment(("strands-agents[anthropic]==1.62.0",)),
    "adk": Environment(("google-adk==2.13.0", "anthropic==2.12.0")),
    "agent_framework": Environment(("agent-framework-core==1.23.0", "agent-framework-anthropic==1.0.0b261022")),
    "agno": Environment(("agno==3.1.10", "anthropic==2.12.0")),
    "arithmetic": Environment(("sympy==1.14.0",)),
    "profiler": Environment(("py-spy==0.4.3",)),
}


def python(name: str) -> Path:
    """The interpreter of an environment, which is made if it is not there; `ours` is the one that runs this.

    Raises:
        CannotBeMade: there is no Python new enough, or its packages cannot be installed.
    """
    if name == "ours":
        return Path(sys.executable)
    folder = FOLDER / name
    stamp = folder / "pins"
    pins = hashlib.sha256(repr((WANTED[name], sys.version)).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        _make(name, folder)
        stamp.write_text(pins, encoding="utf-8")
    return folder / "bin" / "python"


def _make(name: str, folder: Path) -> None:
    wanted = WANTED[name]
    base = _interpreter(wanted.minor)
    print(f"making the environment {name}: {', '.join(wanted.pins)}", file=sys.stderr, flush=True)
    subprocess.run([base, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run([*pip, *wanted.pins], check=False, stderr=subprocess.PIPE, stdout=sys.stderr, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise CannotBeMade((errors or ["ERROR: pip failed"])[-1].removeprefix("ERROR: "))


def _interpreter(minor: int) -> Path:
    """The one that runs this if it is new enough, or else the oldest that is."""
    if sys.version_info >= (3, minor):
        return Path(sys.executable)
    for each in range(minor, NEWEST + 1):
        for found in _interpreters(each):
            if subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
                return found
    raise CannotBeMade(f"needs Python 3.{minor} or newer, which is not here")


def _interpreters(minor: int) -> Iterator[Path]:
    """On the path, or among the versions of pyenv."""
    name = f"python3.{minor}"
    found = shutil.which(name)
    if found is not None:
        yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (
        version / "bin" / name
        for version in sorted(root.glob("versions/*"))
        if re.fullmatch(rf"3\.{minor}\.\d+", version.name)
    )


if __name__ == "__main__":
    for each in sys.argv[1:] or WANTED:
        try:
            python(each)
        except CannotBeMade as error:
            print(f"{each}: {error}", file=sys.stderr)
