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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.environments import CannotBeMade, python
from benchmarks.results import not_run
from benchmarks.scenarios import WARM, Scenario

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Runner:
    """A module of `runners/`, the environment it runs in, and what tells its variants apart."""

    name: str
    environment: str
    module: str
    variant: dict[str, str] = field(default_factory=dict)


def _all() -> tuple[Runner, ...]:
    ours = [Runner(f"ours, {how}", "ours", "ours", {"OURS": how}) for how in ("async", "sync", "stdio", "http")]
    over_mcp = [
        Runner(f"{title} + hand loop, {way}", environment, "mcp_peer", {"BENCH_MCP": kind, "BENCH_TRANSPORT": way})
        for title, environment, kind in (("MCP SDK", "anthropic", "mcp"), ("FastMCP", "fastmcp", "fastmcp"))
        for way in ("stdio", "http")
    ]
    aiohttp, early_tool_calls = {"BENCH_AIOHTTP": "1"}, {"BENCH_EARLY_CALLS": "1"}
    return (
        *ours,
        Runner("bare sockets", "anthropic", "floor_raw"),
        Runner("bare sockets, not streamed", "anthropic", "floor_raw", {"BENCH_STREAM": "0"}),
        Runner("hand loop", "anthropic", "hand_loop"),
        Runner("hand loop, early calls", "anthropic", "hand_loop", early_tool_calls),
        Runner("hand loop, aiohttp", "anthropic", "hand_loop", aiohttp),
        Runner("hand loop, early calls, aiohttp", "anthropic", "hand_loop", early_tool_calls | aiohttp),
        Runner("tool_runner", "anthropic", "tool_runner"),
        *over_mcp,
        Runner("pydantic-ai", "pydantic_ai", "pydantic_ai_peer"),
        Runner("langchain", "langchain", "langchain_peer", {"LANGSMITH_TRACING": "false"}),
        Runner("openai-agents", "openai_agents", "openai_agents_peer", _LITELLM),
        Runner("fast-agent", "fast_agent", "fast_agent_peer", {"FAST_AGENT_DISABLE_TELEMETRY": "1"}),
        Runner("strands", "strands", "strands_peer"),
        Runner("ADK", "adk", "adk_peer"),
        Runner("agent-framework", "agent_framework", "agent_framework_peer"),
        Runner("agno", "agno", "agno_peer", {"AGNO_TELEMETRY": "false"}),
    )


_LITELLM = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it downloads one when it is imported
    "LITELLM_TELEMETRY": "False",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
}

RUNNERS = {runner.name: runner for runner in _all()}
FLOOR = "bare sockets"
PEERS = [name for name in RUNNERS if not name.startswith(("ours", "bare"))]
QUICK = ["ours, async", "ours, sync", "ours, stdio", "ours, http", FLOOR, "hand loop", "agno", "pydantic-ai"]


class FakeMessages:
    """The fake Messages server as a process of its own, for the block."""

    def __enter__(self) -> Self:
        command = [str(python("anthropic")), "-m", "benchmarks.fake_messages"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
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


def run(fake: FakeMessages, runner: Runner, scenario: Scenario, n: int, **more: str) -> dict[str, Any]:
    """Run it in a fresh process; the result has what it says of itself and what the server saw.

    `more` goes into its environment.
    """
    result: dict[str, Any] = {"runner": runner.name, "scenario": scenario.name, "n": n, "load": os.getloadavg()[0]}
    try:
        interpreter = python(runner.environment)
    except CannotBeMade as error:
        return not_run(runner.name, scenario.name, n, f"not run: {error}")
    measure = scenario.knobs(n)
    fake.tell("/__reset")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)} | {
        "BENCH_CONTROL": fake.url,
        "BENCH_WARM": WARM,
        "BENCH_MEASURE": measure,
        "BENCH_TIMEOUT": str(scenario.limit),
        "ANTHROPIC_API_KEY": "sk-ant-not-a-real-key",
        "ANTHROPIC_BASE_URL": fake.url,
        "NO_PROXY": "127.0.0.1,localhost",
        **runner.variant,
        **more,
    }
    command = [str(interpreter), "-m", f"benchmarks.runners.{runner.module}", "--base-url", fake.url, "--n", str(n)]
    began = time.monotonic()
    result |= _outcome(command, environment, scenario.limit + 60)
    return result | {"took_s": time.monotonic() - began} | _seen(fake.tell("/__log"), n)


_OTHERS = ("BENCH_", "OTEL_", "PYTHON", "ANTHROPIC_", "http", "HTTP", "all_proxy", "ALL_PROXY")


def _outcome(command: Sequence[str], environment: dict[str, str], seconds: float) -> dict[str, Any]:
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {seconds:g} s"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # servers of a runner that was cut live on
        process.communicate()
    lines = [line for line in out.decode(errors="replace").splitlines() if line.startswith("{")]
    try:
        outcome: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"error": f"no result: {err.decode(errors='replace')[-300:]}"}
    if outcome["error"] and os.environ.get("BENCH_TRACE"):
        sys.stderr.write(err.decode(errors="replace"))
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
