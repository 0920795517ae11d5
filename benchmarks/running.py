"""One run of one runner against the fake Messages server, and what the server's log says of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.environments import python
from benchmarks.scenarios import WARM, Scenario

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Runner:
    """A script of `runners/`, the environment it runs in, and what tells its variants apart."""

    name: str
    environment: str
    script: str
    variant: dict[str, str] = field(default_factory=dict)


def _all() -> tuple[Runner, ...]:
    ours = [Runner(f"ours, {how}", "ours", "ours.py", {"OURS": how}) for how in ("async", "sync", "stdio", "http")]
    eager, plain = {"BENCH_STREAM": "1"}, {"BENCH_STREAM": "0"}
    return (
        *ours,
        Runner("bare sockets", "anthropic", "floor_raw.py", eager),
        Runner("bare sockets, not streamed", "anthropic", "floor_raw.py", plain),
        Runner("hand loop", "anthropic", "hand_loop.py"),
        Runner("hand loop, eager", "anthropic", "hand_loop_eager.py"),
        Runner("hand loop, aiohttp", "anthropic", "hand_loop.py", {"BENCH_AIOHTTP": "1"}),
        Runner("hand loop, eager, aiohttp", "anthropic", "hand_loop_eager.py", {"BENCH_AIOHTTP": "1"}),
        Runner("tool_runner", "anthropic", "tool_runner.py"),
        Runner(
            "MCP SDK + hand loop, stdio", "anthropic", "mcp_peer.py", {"BENCH_MCP": "mcp", "BENCH_TRANSPORT": "stdio"}
        ),
        Runner(
            "MCP SDK + hand loop, http", "anthropic", "mcp_peer.py", {"BENCH_MCP": "mcp", "BENCH_TRANSPORT": "http"}
        ),
        Runner(
            "FastMCP + hand loop, stdio", "fastmcp", "mcp_peer.py", {"BENCH_MCP": "fastmcp", "BENCH_TRANSPORT": "stdio"}
        ),
        Runner(
            "FastMCP + hand loop, http", "fastmcp", "mcp_peer.py", {"BENCH_MCP": "fastmcp", "BENCH_TRANSPORT": "http"}
        ),
        Runner("pydantic-ai", "pydantic_ai", "pydantic_ai_peer.py"),
        Runner("langchain", "langchain", "langchain_peer.py"),
        Runner("openai-agents", "openai_agents", "openai_agents_peer.py"),
        Runner("fast-agent", "fast_agent", "fast_agent_peer.py"),
        Runner("strands", "strands", "strands_peer.py"),
        Runner("ADK", "adk", "adk_peer.py"),
        Runner("agent-framework", "agent_framework", "agent_framework_peer.py"),
        Runner("agno", "agno", "agno_peer.py"),
    )


RUNNERS = {runner.name: runner for runner in _all()}
FLOOR = "bare sockets"
PEERS = [name for name in RUNNERS if not name.startswith(("ours", "bare"))]
QUICK = ["ours, async", "ours, sync", "ours, stdio", "ours, http", FLOOR, "hand loop", "agno", "pydantic-ai"]


class FakeMessages:
    """The fake Messages server as a process of its own, for the block."""

    def __enter__(self) -> Self:
        command = [str(python("anthropic")), str(HERE / "fake_messages.py"), "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "FAKE_LIFETIME": "14400"})
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    def tell(self, path: str) -> Any:
        request = urllib.request.Request(self.url + path, method="POST", data=b"")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def run(fake: FakeMessages, runner: Runner, scenario: Scenario, n: int) -> dict[str, Any]:
    """Run it in a fresh process; the result has what it says of itself and what the server saw."""
    measure = scenario.knobs(n)
    fake.tell(f"/__config?{measure}")
    fake.tell("/__reset")
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(_OTHERS) or name == "BENCH_PROFILE"
    } | {
        "BENCH_CONTROL": fake.url,
        "BENCH_WARM": WARM,
        "BENCH_MEASURE": measure,
        "BENCH_TIMEOUT": str(scenario.limit),
        "BENCH_SPAWNED": repr(time.monotonic()),
        "ANTHROPIC_API_KEY": "sk-ant-not-a-real-key",
        "ANTHROPIC_BASE_URL": fake.url,
        "NO_PROXY": "127.0.0.1,localhost",
        **runner.variant,
    }
    command = [
        str(python(runner.environment)),
        str(HERE / "runners" / runner.script),
        "--base-url",
        fake.url,
        "--n",
        str(n),
    ]
    result = {"runner": runner.name, "scenario": scenario.name, "n": n, "load": os.getloadavg()[0]}
    result |= _outcome(command, env, scenario.limit + 60)
    return result | _seen(fake.tell("/__log"), n)


_OTHERS = ("BENCH_", "FAKE_", "OTEL_", "PYTHON", "ANTHROPIC_", "http", "HTTP", "all_proxy", "ALL_PROXY")


def _outcome(command: Sequence[str], env: dict[str, str], seconds: float) -> dict[str, Any]:
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"error": f"stopped after {seconds:g} s"}
    lines = [line for line in out.decode(errors="replace").splitlines() if line.startswith("{")]
    try:
        outcome: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"error": f"no result: {err.decode(errors='replace')[-300:]}"}
    outcome.pop("runner", None)
    return outcome


def _seen(data: dict[str, Any], n: int) -> dict[str, Any]:
    """What proves that `n` sub-agents ran: each store's three turns, and every figure the server was sent checked."""
    log = [entry for entry in data["log"] if entry["role"] in {"orch", "calc"} and entry["end"]]
    turns: dict[int, set[int]] = {}
    for entry in log:
        if entry["role"] == "calc":
            turns.setdefault(entry["store"], set()).add(entry["turn"])
    orchestrator = [entry for entry in log if entry["role"] == "orch"]
    last_turns = [entry for entry in log if entry["role"] == "calc" and entry["turn"] == 2]
    return {
        "right": sum(turns.get(store) == {0, 1, 2} for store in range(1, n + 1)),
        "wrong": max((entry["bad"] for entry in orchestrator), default=0) + sum(entry["bad"] for entry in last_turns),
        "refused": sum(entry["role"] == "rejected" for entry in data["log"]),
        "at_once": data["open"]["peak"],
        "late": max((entry["late"] for entry in log), default=0.0),
    }


if __name__ == "__main__":
    sys.exit("python -m benchmarks")
