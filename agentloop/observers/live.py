"""The runs of a timeline as a tree that fits into a number of lines, however many agents are running."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agentloop.narration import arguments_text
from agentloop.observers.timeline import CallRecord, RunRecord, Timeline
from agentloop.usage import Usage, sum_of

State = Literal["running", "done", "failed"]

MOST_SHOWN = 8
"""Single calls shown below summary rows; more would change too fast to read."""
SHOWN_TEXT = 60
"""Characters of the end of the last line that an agent has written."""
DETAIL = 200
RESULT = 2000
"""Characters shown at most of a detail or a step, and of a result."""


@dataclass(frozen=True, slots=True)
class Node:
    """A run, a tool call, or a call together with the runs it started. Its texts are untrusted."""

    runs: Sequence[RunRecord]
    call: CallRecord | None = None

    @property
    def name(self) -> str:
        return self.runs[0].agent if self.call is None else f"{self.call.tool}#{self.call.number}"

    @property
    def tool(self) -> str:
        return self.runs[0].agent if self.call is None else self.call.tool

    @property
    def _record(self) -> RunRecord | CallRecord:
        """The call once it has a result, before that the run it started."""
        return self.runs[-1] if self.call is None or (self.call.ended is None and self.runs) else self.call

    @property
    def detail(self) -> str:
        """The prompt, or the arguments as text."""
        if self.call is None or self.runs:
            return self.runs[-1].prompt[:DETAIL]
        return arguments_text(self.call.arguments)[:DETAIL]

    @property
    def started(self) -> float:
        return self.runs[0].began if self.call is None else self.call.began

    @property
    def finished(self) -> float | None:
        return self._record.ended

    @property
    def state(self) -> State:
        record = self._record
        if record.ended is None:
            return "running"
        failed = record.is_error if isinstance(record, CallRecord) else record.error is not None
        return "failed" if failed else "done"

    @property
    def result(self) -> str | None:
        record = self._record
        if isinstance(record, CallRecord):
            text = record.result
        else:
            text = "stopped" if record.is_cancelled else record.error or record.answer
        return None if text is None else text[:RESULT]

    @property
    def doing(self) -> str:
        """The current activity in a few words, or the end of what the agent writes; empty once it has ended.

        The text of a root is left out, because a view shows all of it: see `LiveView`.
        """
        running = [child for child in self.children if child.state == "running"]
        if self.state != "running" or not running:
            record = self._record
            if isinstance(record, RunRecord) and record.above is not None and record.text.strip():
                return _last_line(record.text)
            return record.step[:DETAIL]
        return f"waits for {len(running)} calls" if len(running) > 1 else f"waits for {running[0].name}"

    @property
    def served_by(self) -> str:
        return self.runs[-1].served_by if self.runs else self.call.served_by if self.call else ""

    @property
    def is_agent(self) -> bool:
        return bool(self.runs)

    @property
    def is_claimed(self) -> bool:
        return any(run.is_claimed for run in self.runs)

    @property
    def is_replayed(self) -> bool:
        return self.call is not None and self.call.is_replayed

    @property
    def children(self) -> list[Node]:
        return [Node(call.runs, call) for run in self.runs for call in run.calls]

    @property
    def usage(self) -> Usage:
        """The usage of this node and all nodes below it so far."""
        return sum_of(run.usage for run in self.runs)


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


_IsOpen = Callable[[Node, int], bool]
"""Whether the children of a node at this depth are shown."""
_FULLEST_FIRST: Sequence[_IsOpen] = (
    lambda _node, _depth: True,
    lambda node, depth: depth == 0 or node.state == "running",
    lambda _node, depth: depth == 0,
)


def _last_line(text: str) -> str:
    line = text.strip().splitlines()[-1].strip()
    return f"writes: {line if len(line) <= SHOWN_TEXT else '…' + line[1 - SHOWN_TEXT :]}"


def roots(timeline: Timeline) -> list[Node]:
    """The runs that no call started."""
    return [Node([run]) for run in timeline.roots]


def rows(timeline: Timeline, height: int) -> list[Row]:
    """The tree in at most `height` rows, at least 1.

    If it does not fit, first the calls of finished agents are left out, then those of running ones. Then the calls of
    each tool become one summary row, with some calls below it: failed ones first, then the longest running.
    """
    tops = roots(timeline)
    for is_open in _FULLEST_FIRST:
        opened = (row for top in tops for row in _opened(top, is_open))
        shown = list(itertools.islice(opened, height + 1))
        if len(shown) <= height:
            return shown
    return _summed_up(tops[-1], height)


def _opened(node: Node, is_open: _IsOpen, guide: str = "", indent: str = "", depth: int = 0) -> Iterator[Row]:
    children = node.children if is_open(node, depth) else []
    yield Row(guide, [node], hidden=0 if children else _count(node))
    for number, child in enumerate(children, 1):
        branch, below = ("└ ", "  ") if number == len(children) else ("├ ", "│ ")
        yield from _opened(child, is_open, indent + branch, indent + below, depth + 1)


def _count(node: Node) -> int:
    return sum(1 + _count(child) for child in node.children)


def _summed_up(root: Node, height: int) -> list[Row]:
    """The root, a row for each tool it has called, and the most important calls."""
    groups = _by_tool(root.children, height - 1)
    free = max(0, min(MOST_SHOWN, height - 1 - len(groups)))
    shown = [Row("", [root])]
    for number, calls in enumerate(groups, 1):
        branch, below = ("└ ", "  ") if number == len(groups) else ("├ ", "│ ")
        chosen = [] if len(calls) == 1 else _most_important(calls)[:free]
        free -= len(chosen)
        shown.append(Row(branch, calls, hidden=len(calls) - len(chosen)))
        for place, call in enumerate(chosen, 1):
            shown.append(Row(below + ("└ " if place == len(chosen) else "├ "), [call], hidden=_count(call)))
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
