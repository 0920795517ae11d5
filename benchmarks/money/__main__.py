"""What the same work costs with each framework: `python -m benchmarks.money`, which writes the table of docs/costs.md.

The server of the model counts tokens and caches prefixes as `benchmarks.billing` describes, and reads 10,000 tokens a
second that are not in its cache before it answers.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from agentloop.tool_search import CALL, SEARCH
from benchmarks.billing import PrefixCache, cost, ttl_of
from benchmarks.environments import CannotBeMade, python
from benchmarks.money.scenarios import JOBS, Job

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "costs.md"
PREFILL = 10_000.0
OVERHEAD = 0.05
"""Seconds before each answer, however short its prompt."""
LIMIT = 600
AT_ONCE = 5
"""Runs at once: each spends its time waiting for its own server."""
SEARCHING = "ours, `searchable`"
"""The runner that searches for tools, where there are many."""
RUNNERS = {
    "ours": ("ours", "ours", {}),
    SEARCHING: ("ours", "ours", {"BENCH_SEARCH": "1"}),
    "ours, `--no-cache`": ("ours", "ours", {"AGENTLOOP_CACHE": "off"}),
    "hand loop, `cache_control`": ("anthropic", "hand_loop", {"BENCH_CACHE": "1"}),
    "hand loop": ("anthropic", "hand_loop", {}),
    "pydantic-ai, `anthropic_cache`": ("pydantic_ai", "pydantic_ai_peer", {}),
    "langchain, caching middleware": ("langchain", "langchain_peer", {"LANGSMITH_TRACING": "false"}),
    "strands, `CacheConfig`": ("strands", "strands_peer", {}),
    "agno, `cache_system_prompt`": ("agno", "agno_peer", {"AGNO_TELEMETRY": "false"}),
    "openai-agents, LiteLLM": (
        "openai_agents",
        "openai_agents_peer",
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_AGENTS_DISABLE_TRACING": "1"},
    ),
}


class Bank:
    """Answers as the script of a job says, and keeps what each request cost."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._cache = PrefixCache()
        self._began = 0.0
        self.bills: list[dict[str, Any]] = []
        self.searches = 0
        self._ids = itertools.count(1)
        self.seconds = 0.0
        """From the first request to the last answer."""

    async def __call__(self, request: RecordedRequest) -> Reply:
        self._began = self._began or time.monotonic()
        usage = self._cache.prompt(request.body)
        seconds = OVERHEAD + (usage["input_tokens"] + usage["cache_creation_input_tokens"]) / PREFILL
        await asyncio.sleep(seconds)
        self._cache.begun(request.body)
        self.seconds = time.monotonic() - self._began
        reply = self._says(request)
        usage["output_tokens"] = 60 * max(1, len(reply.content))
        self.bills.append(usage | {"usd": cost(usage, ttl_of(request.body)), "ttft": seconds})
        return Reply([self._with_id(block) for block in reply.content], reply.stop_reason, usage=usage)

    def _with_id(self, block: dict[str, Any]) -> dict[str, Any]:
        """Ids of calls have the same length for every runner, as those of the API have."""
        return block | {"id": f"toolu_{next(self._ids):024}"} if block["type"] == "tool_use" else block

    def _says(self, request: RecordedRequest) -> Reply:
        messages = request.body["messages"]
        said = [message for message in messages if message["role"] == "assistant"]
        turn = sum(SEARCH not in str(message["content"]) for message in said)
        is_lead = "You are the lead" in request.system
        job = self._job if is_lead or self._job.below is None else self._job.below
        if is_lead and job.delegates and turn == 0:
            (tool,) = request.body["tools"]
            (name,) = tool["input_schema"]["properties"]
            parts = [f"part {number} of the task" for number in range(job.delegates)]
            return calls(*[(tool["name"], {name: part}) for part in parts])
        if turn < job.turns:
            return self._call(request, f"tool_{(turn * 73 + 41) % job.tools}", {"prompt": f"step {turn}"})
        return says("done")

    def _call(self, request: RecordedRequest, name: str, arguments: dict[str, str]) -> Reply:
        """Call a tool; one that is not offered is searched for first."""
        if any(tool["name"] == name for tool in request.body["tools"]):
            return calls((name, arguments))
        if f'"{name}"' in str(request.results):
            return calls((CALL, {"name": name, "arguments": arguments}))
        self.searches += 1
        return calls((SEARCH, {"query": f"records of {name}"}))


def measure(name: str, title: str) -> dict[str, Any]:
    environment, module, variant = RUNNERS[name]
    try:
        interpreter = python(environment)
    except CannotBeMade as error:
        return {"runner": name, "job": title, "error": f"not run: {error}"}
    bank = Bank(JOBS[title])
    with ScriptedMessages(bank) as server:
        known = {key: value for key, value in os.environ.items() if not key.startswith(("ANTHROPIC_", "PYTHON"))}
        env = known | {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "fake", "BENCH_JOB": title, **variant}
        command = [str(interpreter), "-m", f"benchmarks.money.runners.{module}"]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return {"runner": name, "job": title, "error": f"cut at {LIMIT} s"}
        refusals = server.refusals
    wanted = _requests(JOBS[title]) + bank.searches
    problem = None if done.returncode == 0 else (done.stderr.strip() or "failed").splitlines()[-1][:200]
    if problem is None and len(bank.bills) != wanted:
        problem = f"{len(bank.bills)} requests instead of {wanted}"
    if problem is not None:
        return {"runner": name, "job": title, "error": problem, "refusals": refusals[:3]}
    total = {key: sum(bill[key] for bill in bank.bills) for key in bank.bills[0]}
    return {"runner": name, "job": title, "error": None, "requests": len(bank.bills), "seconds": bank.seconds} | total


def _requests(job: Job) -> int:
    below = 0 if job.below is None else job.delegates * (job.below.turns + 1)
    return below + (2 if job.delegates else job.turns + 1)


def _runs(name: str, title: str) -> bool:
    return name != SEARCHING or title == "tools"


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    for title, job in JOBS.items():
        rows = [result for result in results if result["job"] == title]
        if not rows:
            continue
        yield f"**{job.title}** ({_requests(job)} requests)"
        yield ""
        yield "| | US dollars | prompt tokens | of these read from the cache | mean time to first token, s | all of it, s |"
        yield "|---|---|---|---|---|---|"
        for row in sorted(rows, key=lambda row: row.get("usd", 1e9)):
            if row["error"]:
                yield f"| {row['runner']} | {row['error']} | - | - | - | - |"
                continue
            prompt = row["input_tokens"] + row["cache_creation_input_tokens"] + row["cache_read_input_tokens"]
            read = f"{row['cache_read_input_tokens'] / prompt:.0%}"
            first, whole = f"{row['ttft'] / row['requests']:.2f}", f"{row['seconds']:.1f}"
            yield f"| {row['runner']} | {row['usd']:.4f} | {prompt:,} | {read} | {first} | {whole} |"
        yield ""


def put_into_page(start: str, text: str) -> None:
    """Replace what is between `start` and the next end mark in docs/costs.md."""
    end = "<!-- end -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(start)
    PAGE.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(RUNNERS)), help="Only this runner. May be given again.")
@click.option("--jobs", default=",".join(JOBS), show_default=True, help="Jobs, with commas between.")
@click.option("--write", is_flag=True, help="Put the tables into docs/costs.md.")
def main(only: tuple[str, ...], jobs: str, *, write: bool) -> None:
    """Measure what each runner's work costs, and print tables."""
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(
            measure, *zip(*[(n, job) for job in jobs.split(",") for n in only or RUNNERS if _runs(n, job)], strict=True)
        ):
            results.append(result)
            click.echo(json.dumps(result), err=True)
    text = "\n".join(table(results)).strip()
    click.echo(text)
    if write:
        put_into_page("<!-- make costs -->", text)


if __name__ == "__main__":
    sys.exit(main())
