"""What two features of this project save: `python -m benchmarks.money.own`, which writes tables of docs/costs.md.

Parallel runs of one agent, of which one writes the common prefix, or all do; and 20 calls whose results the model reads,
or only a program that it has written.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentloop import Agent, Event, Tool, server_tool
from agentloop import prompt_cache as caching
from agentloop.events import Spent
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from benchmarks.billing import PrefixCache, cost, count_tokens
from benchmarks.money.__main__ import OVERHEAD, PREFILL, put_into_page
from benchmarks.money.scenarios import MAX_TOKENS, MODEL, description_of

PARALLEL = (3, 20, 100)
LOOKUPS = 20
RECORD = 4_000
"""Characters of the result of one lookup."""
EXECUTION = "code_execution_20260120"
CODE = """
import asyncio, re
texts = await asyncio.gather(*[tool_0(text=f"shop {number}") for number in range(20)])
print(sum(int(re.search(r"total (\\d+)", text)[1]) for text in texts))
"""


@dataclass
class Account:
    """Answers as `says` does, waits as long as the API would read, and keeps what each request cost."""

    says: Callable[[RecordedRequest], Reply]
    cache: PrefixCache = field(default_factory=PrefixCache)
    bills: list[dict[str, float]] = field(default_factory=list)

    async def __call__(self, request: RecordedRequest) -> Reply:
        prompt = _prompt(request.body)
        usage = self.cache.prompt(prompt)
        await asyncio.sleep(OVERHEAD + (usage["input_tokens"] + usage["cache_creation_input_tokens"]) / PREFILL)
        self.cache.begun(prompt)
        reply = self.says(request)
        usage["output_tokens"] = sum(map(_sampled, reply.content))
        self.bills.append({**usage, "usd": cost(usage)})
        return Reply(reply.content, reply.stop_reason, usage=usage, container=reply.container)

    def total(self, kind: str) -> float:
        return sum(bill[kind] for bill in self.bills)


def _is_of_program(block: Any) -> bool:
    return isinstance(block, dict) and block.get("caller", {}).get("type", "direct") != "direct"


def _prompt(body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a request that the model reads: neither a program's calls of tools nor their results are."""
    blocks = [b for message in body["messages"] for b in message["content"] if isinstance(message["content"], list)]
    hidden = {block["id"] for block in blocks if _is_of_program(block)}
    messages = [
        message | {"content": [b for b in message["content"] if not {b.get("id"), b.get("tool_use_id")} & hidden]}
        for message in body["messages"]
        if isinstance(message["content"], list)
    ]
    return {**body, "messages": [message for message in messages if message["content"]]}


def _sampled(block: Mapping[str, Any]) -> int:
    """Tokens of the answer that a block is: none for what a program calls or prints."""
    is_written = block["type"] in {"text", "tool_use", "server_tool_use"} and not _is_of_program(block)
    return count_tokens(json.dumps(block.get("input", block.get("text")))) + 20 if is_written else 0


@dataclass(frozen=True, slots=True)
class Measured:
    """`firsts` are the seconds from the start of each run to the first token of its first answer."""

    usd: float
    written: int
    firsts: list[float]
    prompt: int
    output: int


async def _run(agent: Agent) -> float:
    began, first = time.monotonic(), list[float]()

    def on_event(event: Event) -> None:
        if isinstance(event, Spent) and event.usage.prompt_tokens and not first:
            first.append(time.monotonic() - began)

    await agent.run("Do your part.", on_event=on_event)
    return first[0]


async def _measure(account: Account, make: Callable[[ScriptedMessages], Agent], runs: int) -> Measured:
    with ScriptedMessages(account) as server:
        agent = make(server)
        firsts = await asyncio.gather(*[_run(agent) for _ in range(runs)])
        if server.refusals:
            raise RuntimeError(server.refusals[0])
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    prompt = sum(int(account.total(kind)) for kind in kinds)
    written, output = (int(account.total(kind)) for kind in ("cache_creation_input_tokens", "output_tokens"))
    return Measured(account.total("usd"), written, firsts, prompt, output)


async def total(text: str) -> str:
    return f"{text}: total 7."


async def lookup(text: str) -> str:
    return f"{text}: total 7. " + "A line of the record. " * (RECORD // 22)


def _warm_up(runs: int, *, one_writes: bool) -> Measured:
    """Runs of one agent at once, of two turns each, with about 5,000 tokens of system prompt and tools."""
    rules = " ".join(f"Rule {number}: keep to what the task says." for number in range(350))

    def answer(request: RecordedRequest) -> Reply:
        return says("done") if request.results else calls(("tool_0", {"text": "a"}))

    def make(server: ScriptedMessages) -> Agent:
        tool = Tool.from_function(total, name="tool_0", description=description_of("tool_0"))
        return Agent("worker", rules, [tool], model=MODEL, max_tokens=MAX_TOKENS, client=server.client)

    default = caching.WARMED_FROM
    caching.WARMED_FROM = default if one_writes else 10**9
    try:
        return asyncio.run(_measure(Account(answer), make, runs))
    finally:
        caching.WARMED_FROM = default


def _lookups(*, by_program: bool) -> Measured:
    """Twenty calls in one message, and the sum of what is in their results."""
    count = iter(range(10**6))

    def answer(request: RecordedRequest) -> Reply:
        if not request.results:
            arguments = [("tool_0", {"text": f"shop {number}"}) for number in range(LOOKUPS)]
            if not by_program:
                return calls(*arguments)
            run = f"srvtoolu_{next(count)}"
            code = {"type": "server_tool_use", "id": run, "name": "code_execution", "input": {"code": CODE}}
            caller = {"caller": {"type": EXECUTION, "tool_id": run}}
            used = [block | caller for block in calls(*arguments).content]
            return Reply([code, *used], "tool_use", container="container_1")
        text = says("Together 140.").content
        if not by_program:
            return Reply(text)
        run = request.body["messages"][-2]["content"][0]["id"]
        printed = {"type": "code_execution_result", "stdout": "140\n", "stderr": "", "return_code": 0, "content": []}
        return Reply([{"type": "code_execution_tool_result", "tool_use_id": run, "content": printed}, *text])

    def make(server: ScriptedMessages) -> Agent:
        callers = (EXECUTION,) if by_program else ()
        about = description_of("tool_0")
        tool = Tool.from_function(lookup, name="tool_0", description=about, allowed_callers=callers)
        tools = [tool, server_tool("code_execution", type=EXECUTION)] if by_program else [tool]
        return Agent("lead", "Add up.", tools, model=MODEL, max_tokens=MAX_TOKENS, client=server.client)

    return asyncio.run(_measure(Account(answer), make, 1))


def warm_up_table() -> Iterator[str]:
    yield "| runs at once | who writes the prefix | US dollars | tokens written | first token, mean, s | last of them, s |"
    yield "|---|---|---|---|---|---|"
    for runs in PARALLEL:
        for who, one_writes in (("the first", True), ("each", False)):
            it = _warm_up(runs, one_writes=one_writes)
            mean, last = sum(it.firsts) / runs, max(it.firsts)
            yield f"| {runs} | {who} | {it.usd:.4f} | {it.written:,} | {mean:.2f} | {last:.2f} |"


def lookups_table() -> Iterator[str]:
    yield "| 20 calls, results read by | US dollars | prompt tokens | answer tokens |"
    yield "|---|---|---|---|"
    for who, by_program in (("the model", False), ("its program", True)):
        it = _lookups(by_program=by_program)
        yield f"| {who} | {it.usd:.4f} | {it.prompt:,} | {it.output:,} |"


def main() -> None:
    """Measure, print and write."""
    _warm_up(1, one_writes=True)  # imports
    for name, table in (("warm-up", warm_up_table), ("lookups", lookups_table)):
        text = "\n".join(table())
        print(text, end="\n\n")
        put_into_page(f"<!-- make costs: {name} -->", text)


if __name__ == "__main__":
    main()
