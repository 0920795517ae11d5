"""The current state of runs as a tree: a run, the calls it makes, the runs that those start, and so on.

`Tree` is a reducer over the events; `rows` fits it into a number of lines, however many agents are running.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentloop import exact_json
from agentloop.events import (
    Event,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnRetried,
    TurnStarted,
)
from agentloop.narration import Replays, retry_text
from agentloop.usage import Usage, sum_of

State = Literal["running", "done", "failed"]

MOST_SHOWN = 8
"""Single calls shown below summary rows; more would change too fast to read."""
DETAIL = 200
RESULT = 2000
"""Characters stored of a detail or a step, and of a result."""


@dataclass(slots=True)
class Node:
    """A run, a tool call, or a call together with the run it started. Times are on the `time.monotonic` clock.

    `asked` is the prompt or the arguments, `step` the latest progress; these and `result` are untrusted text.
    `is_claimed` is true if its usage is only what an untrusted server claims.
    """

    name: str
    tool: str
    asked: str | Mapping[str, Any]
    started: float
    state: State = "running"
    finished: float | None = None
    step: str = ""
    served_by: str = ""
    result: str | None = None
    is_agent: bool = False
    is_claimed: bool = False
    is_replayed: bool = False
    children: list[Node] = field(default_factory=list)
    spent: Usage = field(default_factory=Usage)
    billed: Usage | None = None

    @property
    def detail(self) -> str:
        """The prompt or the arguments, as text."""
        return (self.asked if isinstance(self.asked, str) else _arguments(self.asked))[:DETAIL]

    @property
    def usage(self) -> Usage:
        """The usage of this node and all nodes below it so far."""
        agents = [child.usage for child in self.children if child.is_agent]
        below = sum_of([self.spent, *agents]) if agents else self.spent
        return below if self.billed is None or below.requests > self.billed.requests else self.billed

    @property
    def doing(self) -> str:
        """The current activity in a few words; empty once it has ended."""
        running = [child for child in self.children if child.state == "running"]
        if self.state != "running" or not running:
            return self.step
        return f"waits for {len(running)} calls" if len(running) > 1 else f"waits for {running[0].name}"

    def seconds(self, now: float) -> float:
        return (now if self.finished is None else self.finished) - self.started


class Tree:
    """`on_event` receives the events; `roots` are the runs that no call of another run started.

    `starting` are the servers that are being started or connected to, with the event that announced it.
    """

    def __init__(self) -> None:
        self.roots: list[Node] = []
        self.starting: dict[str, ServerStarting] = {}
        self._runs: dict[str, Node] = {}
        self._calls: dict[str, Node] = {}
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._replays = Replays()

    def on_event(self, event: Event) -> None:
        is_replayed = self._replays.covers(event)
        match event:
            case RunStarted():
                self._start_run(event)
            case ToolStarted() if event.run in self._runs:
                self._start_call(event, self._runs[event.run], is_replayed=is_replayed)
            case ToolProgress(message=message) if event.call in self._calls:
                self._calls[event.call].step = message[:DETAIL]
            case ToolFinished() if event.call in self._calls:
                _finish_call(event, self._calls[event.call])
            case ServerStarting():
                self.starting[event.server] = event
            case ServerChanged():
                self.starting.pop(event.server, None)
            case _ if event.run in self._runs:
                _within(event, self._runs[event.run])

    def _start_run(self, event: RunStarted) -> None:
        call = self._calls.get(event.parent_call or "")
        if call is None:
            call = Node(event.agent, event.agent, event.prompt, event.at)
            self.roots.append(call)
        call.is_agent = True
        call.asked = event.prompt[:DETAIL]
        call.served_by = event.served_by
        call.is_claimed = event.is_claimed
        self._runs[event.run] = call

    def _start_call(self, event: ToolStarted, run: Node, *, is_replayed: bool) -> None:
        self._numbers[event.run, event.tool] += 1
        number = self._numbers[event.run, event.tool]
        node = Node(f"{event.tool}#{number}", event.tool, event.arguments, event.at, is_replayed=is_replayed)
        self._calls[event.call] = node
        run.children.append(node)


def _within(event: Event, run: Node) -> None:
    """Update a run after an event that belongs to the run itself."""
    match event:
        case TurnStarted(number=number, model=model):
            run.step = f"asks {model}, turn {number}"
        case TextDelta():
            run.step = "writes"
        case TurnRetried():
            run.step = retry_text(event)[:DETAIL]
        case Spent(model=model, usage=usage):
            run.spent = run.spent.plus(model, usage)
        case RunFinished():
            run.billed = event.bill.total
            if run.finished is None:
                reason = "stopped" if event.error_type == "CancelledError" else event.error
                _finish(run, event.at, "failed" if reason else "done", reason or event.answer)


def _finish_call(event: ToolFinished, call: Node) -> None:
    call.served_by = call.served_by or event.served_by  # the run knows better than a cancelled call
    _finish(call, event.at, "failed" if event.is_error else "done", event.result)


def _finish(node: Node, at: float, state: State, result: str | None) -> None:
    node.state, node.finished, node.step = state, at, ""
    node.result = None if result is None else result[:RESULT]


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={exact_json.dumps(value)}" for name, value in arguments.items())


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree. `guide` is drawn before it; `hidden` counts the nodes below that are not shown.

    A row that sums up several calls has several `nodes`, and its `node` is None.
    """

    guide: str
    nodes: Sequence[Node]
    hidden: int = 0

    @property
    def node(self) -> Node | None:
        return self.nodes[0] if len(self.nodes) == 1 else None


def rows(tree: Tree, height: int) -> list[Row]:
    """The tree in at most `height` rows, at least 1.

    If it does not fit, first the calls of finished agents are left out, then those of running ones. Then the calls of
    each tool become one summary row, with some calls below it: failed ones first, then the longest running.
    """
    for is_open in (_everything, _running, _root):
        opened = (row for root in tree.roots for row in _opened(root, is_open, "", ""))
        shown = list(itertools.islice(opened, height + 1))
        if len(shown) <= height:
            return shown
    return _summed_up(tree, height)


def _everything(_node: Node, _depth: int) -> bool:
    return True


def _running(node: Node, depth: int) -> bool:
    return depth == 0 or node.state == "running"


def _root(_node: Node, depth: int) -> bool:
    return depth == 0


def _opened(node: Node, is_open: Any, guide: str, below: str, depth: int = 0) -> Iterator[Row]:
    children = node.children if is_open(node, depth) else []
    yield Row(guide, [node], hidden=0 if children else _count(node))
    for number, child in enumerate(children, 1):
        is_last = number == len(children)
        yield from _opened(
            child, is_open, below + ("└ " if is_last else "├ "), below + ("  " if is_last else "│ "), depth + 1
        )


def _count(node: Node) -> int:
    return sum(1 + _count(child) for child in node.children)


def _summed_up(tree: Tree, height: int) -> list[Row]:
    """The newest root, a row for each tool it has called, and the most important calls."""
    root = tree.roots[-1]
    groups = _by_tool(root.children, height - 1)
    room = max(0, min(MOST_SHOWN, height - 1 - len(groups)))
    shown = [Row("", [root])]
    for number, calls in enumerate(groups, 1):
        is_last = number == len(groups)
        chosen = [] if len(calls) == 1 else _most_important(calls)[:room]
        room -= len(chosen)
        shown.append(Row("└ " if is_last else "├ ", calls, hidden=len(calls) - len(chosen)))
        for place, call in enumerate(chosen, 1):
            guide = ("  " if is_last else "│ ") + ("└ " if place == len(chosen) else "├ ")
            shown.append(Row(guide, [call], hidden=_count(call)))
    return shown


def _by_tool(calls: Sequence[Node], most: int) -> list[list[Node]]:
    """The calls grouped by tool; the last group has those of several tools if there are more than `most`."""
    tools: dict[str, list[Node]] = {}
    for call in calls:
        tools.setdefault(call.tool, []).append(call)
    groups = list(tools.values())
    if len(groups) <= most or most < 1:
        return groups[: max(0, most)]
    return [*groups[: most - 1], [call for group in groups[most - 1 :] for call in group]]


def _most_important(calls: Sequence[Node]) -> list[Node]:
    """The failed ones, then the running ones, the longest first."""
    return [call for state in ("failed", "running") for call in calls if call.state == state]
