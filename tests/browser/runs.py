"""Runs to draw: many calls at once, and one in which everything that comes from outside is hostile."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from agentloop import Bill, ModelUsage, Usage
from agentloop.events import (
    Event,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)
from agentloop.observers.timeline import Timeline

MODEL = "scripted-model"
USAGE = ModelUsage(1, 900, 100, usd=Decimal("0.0014"))
NASTY = "</script><img src=x onerror=\"document.title='hacked'\">\x00\x1b[31m\u202egnp.exe {{data}} \U0001f600"


def drawn(events: Iterator[Event]) -> Timeline:
    timeline = Timeline()
    for event in events:
        timeline.on_event(event)
    return timeline


class Agent:
    """Makes the events of one agent's run, in seconds since its start."""

    def __init__(self, name: str, began: float, parent: str | None = None, prompt: str = "Do it.") -> None:
        self._name = name.partition(" ")[0]
        self._run = name
        self.began = began
        self._parent = parent
        self._prompt = prompt

    def start(self) -> Event:
        return RunStarted(
            **self._about(0),
            prompt=self._prompt,
            parent_call=self._parent,
            served_by="far" if self._parent else "local",
        )

    def turn(self, number: int, began: float, ended: float) -> Iterator[Event]:
        yield TurnStarted(**self._about(began), number=number, model=MODEL)
        yield TurnFinished(**self._about(ended), number=number, stop_reason="tool_use", tool_calls=1, usage=USAGE)

    def call(self, number: int, began: float, ended: float, **more: Any) -> tuple[Event, Event]:
        about = {
            "call": f"{self._run}.{number}",
            "tool": "sum_numbers",
            "arguments": {"numbers": [number, "2.50"]},
        } | more
        result, failed = about.pop("result", '{"result": "3.5"}'), about.pop("failed", False)
        outcome = {"result": result, "is_error": failed, "served_by": "far", "seconds": ended - began}
        return ToolStarted(**self._about(began), **about), ToolFinished(**self._about(ended), **about, **outcome)

    def end(self, ended: float, turns: int, below: int = 0, error: str | None = None) -> Event:
        bills = tuple(Bill("worker", 1.0, Usage({MODEL: USAGE + USAGE})) for _ in range(below))
        total = sum((USAGE for _ in range(turns - 1)), USAGE)
        bill = Bill(self._name, ended, Usage({MODEL: total}), bills)
        answer = None if error else "It is 3.5."
        return RunFinished(**self._about(ended), bill=bill, answer=answer, error=error)

    def _about(self, at: float) -> dict[str, Any]:
        return {"run": self._run, "agent": self._name, "at": self.began + at}


def fan_out(agents: int) -> Iterator[Event]:
    """A boss that calls so many agents at once, each of which takes two turns and two calls."""
    boss = Agent("boss", 0.0, prompt=f"Ask {agents:,} workers.")
    yield boss.start()
    yield from boss.turn(1, 0, 1)
    calls = [
        boss.call(n, 1.0, 4.4 + n / agents, tool="worker_agent", arguments={"prompt": f"Part {n}"})
        for n in range(agents)
    ]
    yield from (started for started, _ in calls)
    for n in range(agents):
        worker = Agent(f"worker {n}", 1.1 + n / agents, f"boss.{n}", prompt=f"Part {n}")
        yield worker.start()
        yield from worker.turn(1, 0.1, 1)
        first, second = worker.call(1, 1, 1.5), worker.call(2, 1.05, 1.9)
        yield from (first[0], second[0], first[1], second[1])
        yield from worker.turn(2, 2, 3)
        yield worker.end(3.1, 2)
    yield from (finished for _, finished in calls)
    yield from boss.turn(2, 5.5, 6)
    yield boss.end(6, 2, below=agents)


def started(agents: int) -> Iterator[Event]:
    """The same after a server that takes 2 s to start; the last agent fails, and the second one takes longest."""
    yield ServerStarting(run="", agent="", at=-2.0, server="far")
    yield ServerChanged(run="", agent="", at=0.0, server="far", is_up=True, breaker="closed")
    for event in fan_out(agents):
        if isinstance(event, RunFinished) and event.run == f"worker {agents - 1}":
            yield replace(event, answer=None, error="It did not work.")
        elif isinstance(event, ToolFinished) and event.call == "boss.1":
            yield replace(event, at=5.5)
        else:
            yield event


def many_calls(count: int) -> Iterator[Event]:
    """One agent that calls so many functions at once."""
    boss = Agent("boss", 0.0, prompt=f"Call {count:,} functions.")
    yield boss.start()
    yield from boss.turn(1, 0, 1)
    calls = [boss.call(n, 1 + n / count / 10, 2 + n / count) for n in range(count)]
    yield from (started for started, _ in calls)
    yield from (finished for _, finished in calls)
    yield from boss.turn(2, 3, 4)
    yield boss.end(4, 2)


def hostile() -> Iterator[Event]:
    """Every text is markup and control characters; a call fails, a turn is retried, and one call never ends."""
    boss = Agent("boss", 0.0, prompt=NASTY)
    yield boss.start()
    start, end = boss.turn(1, 0, 1)
    yield start
    yield TurnRetried(run="boss", agent="boss", at=0.5, number=1, error=NASTY)
    yield end
    started, finished = boss.call(1, 1, 2, tool="sum_numbers", arguments={NASTY: NASTY}, result=NASTY, failed=True)
    yield started
    yield boss.call(2, 1, 2, arguments={"endless": True})[0]
    worker = Agent("worker", 1.2, "boss.2", prompt=NASTY)
    yield worker.start()
    yield from worker.turn(1, 0, 0.5)
    yield worker.end(0.6, 1, error=NASTY)
    yield finished
