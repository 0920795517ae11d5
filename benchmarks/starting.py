"""E: how long a start takes, and what a client and its server take at rest."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.running import FakeMessages

SERVER = (sys.executable, "-m", "mcp_calc_server")
CLIENT = (sys.executable, "-m", "orchestrator_client", "--quiet", "3 stores each sold notebooks, pens and folders.")
AT_REST = (sys.executable, "-m", "benchmarks.at_rest")


def table(fake: FakeMessages, times: int) -> Iterator[str]:
    """Medians and the best of `times`: the best is the least disturbed by what else the machine does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    env |= {"ANTHROPIC_API_KEY": "sk-ant-not-a-real-key", "ANTHROPIC_BASE_URL": fake.url}
    figures: dict[str, list[float]] = {}
    for _ in range(times):
        wall, cpu = _server_ready(env)
        figures.setdefault("server answers `initialize`, s after its start", []).append(wall)
        figures.setdefault("... CPU, s", []).append(cpu)
        figures.setdefault("first model request, s after `orchestrator-client` starts", []).append(
            _first_request(fake, env)
        )
    memory = _at_rest(env)
    yield "**E: starting**"
    yield ""
    yield "| | median | best |"
    yield "|---|---|---|"
    for name, values in figures.items():
        yield f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} |"
    for name, megabytes in memory.items():
        yield f"| {name}, MB | {megabytes:.0f} | |"


def _server_ready(env: dict[str, str]) -> tuple[float, float]:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}) + "\n"
    before, began = os.times(), time.monotonic()
    with subprocess.Popen(SERVER, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request.encode())
        process.stdin.flush()
        process.stdout.readline()
        wall = time.monotonic() - began
        process.stdin.close()
    after = os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def _first_request(fake: FakeMessages, env: dict[str, str]) -> float:
    fake.tell("/__config?ttft=0&tps=0&tps_orch=-1&n=3&skew=0")
    fake.tell("/__reset")
    began = time.monotonic()
    subprocess.run(CLIENT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)
    log: Sequence[dict[str, Any]] = fake.tell("/__log")["log"]
    return float(min(entry["start"] for entry in log)) - began


def _at_rest(env: dict[str, str]) -> dict[str, float]:
    """Resident and proportional memory of a connected client and its server that were asked nothing."""
    with subprocess.Popen(AT_REST, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = [_memory(pid) for pid in (process.pid, *_children(process.pid))]
        process.communicate("\n", timeout=20)
    return {
        "client and server at rest, resident": sum(each["Rss"] for each in found),
        "client and server at rest, shared pages counted once": sum(each["Pss"] for each in found),
    }


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _memory(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
