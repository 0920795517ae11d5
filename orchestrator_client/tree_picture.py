"""Renders the rows of the tree for a terminal: name, duration, tokens, cost and server."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from agentloop import Usage, exact_json
from agentloop.narration import REPLAYED, clip, printable, starting_text
from agentloop.observers.live import Node, Row
from agentloop.observers.timeline import ServerStart
from agentloop.usage import sum_of

SPINS = 5
"""Turns of the spinner in a second."""
WIDE = {"served_by": 90, "usd": 60, "tokens": 50}
"""The terminal width from which on each column is shown."""

_WIDTHS = {"seconds": 7, "served_by": 16, "usd": 8, "tokens": 10}
_DETAIL = 200
_NAME_SHARE = 0.6
_SHORTEST_NAME = 10
"""The largest share of a row for its name, and the shortest name. The rest distinguishes rows of one tool."""
_MINUTE = 60
_SPINNER = {True: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", False: "|/-\\"}
_MARKS = {True: {"done": "✓", "failed": "✗"}, False: {"done": "+", "failed": "x"}}
_STYLES = {"running": "cyan", "done": "green", "failed": "red"}
_PLAIN_GUIDES = str.maketrans({"├": "|", "└": "`", "│": "|"})


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines of their final width. Rendering a `rich.table.Table` takes four times as long."""

    lines: Sequence[Text]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del options
        for line in self.lines:
            yield from line.render(console, end="\n")


def starting_lines(starting: Iterable[ServerStart], now: float, *, width: int, unicode: bool) -> list[Text]:
    """A line for each server that is being started: `starting calculator, 3 s`."""
    lines = []
    for start in starting:
        name = shortened(clip(start.server, _DETAIL), max(8, width - 24))
        text = starting_text(name, is_remote=start.is_remote, seconds=max(0.0, now - start.began))
        line = Text.assemble((f"{_spinner(now, unicode=unicode)} ", _STYLES["running"]), text)
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


def text_lines(text: str, most: int, *, width: int) -> list[Text]:
    """The last lines of a text that is being written, wrapped at words."""
    lines: list[Text] = []
    for line in reversed(printable(text).rstrip().expandtabs(4).split("\n")):
        wrapped = textwrap.wrap(line, max(1, width - 1)) or [""]
        lines += [_cut(each, width) for each in reversed(wrapped)]
        if len(lines) >= most:
            break
    return lines[:most][::-1] if text.strip() else []


def _cut(line: str, width: int) -> Text:
    """A line with wide characters may need more cells than it has characters."""
    text = Text(line)
    text.truncate(width, overflow="ellipsis")
    return text


def picture_of(shown: Sequence[Row], now: float, *, width: int, unicode: bool) -> Picture:
    """The rows in columns: name, duration, tokens, cost and server. Narrow terminals have fewer columns.

    A question mark after a cost means that an untrusted server claims it.
    """
    columns = [name for name in reversed(WIDE) if width >= WIDE[name]]
    left = max(1, width - sum(1 + _WIDTHS[name] for name in ("seconds", *columns)))
    lines = []
    for row in shown:
        usage = sum_of(node.usage for node in row.nodes)
        elapsed = max(node.finished or now for node in row.nodes) - min(node.started for node in row.nodes)
        claimed = "?" if any(node.is_claimed for node in row.nodes) and usage.usd else ""
        cells = {"tokens": tokens(usage), "usd": usd(usage) + claimed, "served_by": _served_by(row.nodes)}
        line = _what(row, now, left, unicode=unicode)
        line.truncate(left, overflow="ellipsis", pad=True)
        line.append_text(_cell(seconds(elapsed), "seconds"))
        for name in columns:
            line.append_text(_cell(cells[name], name, "dim"))
        lines.append(line)
    return Picture(lines)


def _cell(text: str, column: str, style: str = "") -> Text:
    """The text with the width of its column: the server is left-aligned, numbers are right-aligned."""
    cell = Text(text, style, overflow="ellipsis")
    cell.align("left" if column == "served_by" else "right", _WIDTHS[column])
    return Text(" ").append_text(cell)


def shortened(name: str, width: int) -> str:
    """The name in at most `width` characters, without its middle, because names differ at their ends."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[len(name) - end :]}"


def _spinner(now: float, *, unicode: bool) -> str:
    return _SPINNER[unicode][int(now * SPINS) % len(_SPINNER[unicode])]


def _what(row: Row, now: float, width: int, *, unicode: bool) -> Text:
    guide = row.guide if unicode else row.guide.translate(_PLAIN_GUIDES)
    state = _state(row.nodes)
    mark = _MARKS[unicode].get(state) or _spinner(now, unicode=unicode)
    text = Text.assemble((guide, "dim"), (f"{mark} ", _STYLES[state]))
    node = row.node
    if node is None:
        return text.append(_summary(row), "bold")
    room = max(_SHORTEST_NAME, int((width - len(guide) - 2) * _NAME_SHARE))
    text.append(shortened(clip(node.name, 80), room), "bold" if node.is_agent else "")
    if node.is_replayed:
        text.append(f" {REPLAYED}", "dim")
    if node.doing and (row.hidden or not node.children or not row.guide):
        text.append(f"  {clip(node.doing, _DETAIL)}", _STYLES[state])
    return text.append(f"  {_detail(node)}", "red" if state == "failed" else "dim")


def _detail(node: Node) -> str:
    """The prompt or the arguments, and the result of a call; of an object only the first value, for lack of space."""
    if node.result is None or (node.is_agent and node.state == "done"):
        return clip(node.detail, _DETAIL)
    if node.state == "failed":
        return clip(node.result, _DETAIL)
    try:
        value = exact_json.loads(node.result)
    except ValueError:
        value = node.result
    if isinstance(value, dict) and value:
        value = next(iter(value.values()))
    return clip(f"{node.detail} = {value}", _DETAIL)


def _summary(row: Row) -> str:
    states = Counter(node.state for node in row.nodes)
    counts = ", ".join(f"{states[state]} {state}" for state in ("running", "done", "failed") if states[state])
    tools = {node.tool for node in row.nodes}
    name = clip(row.nodes[0].tool, 80) if len(tools) == 1 else f"{len(tools)} tools"
    return f"{counts}: {name} x {len(row.nodes)}"


def _served_by(nodes: Sequence[Node]) -> str:
    names = sorted({node.served_by for node in nodes if node.served_by})
    return clip(", ".join(names), 60)


def _state(nodes: Sequence[Node]) -> str:
    states = Counter(node.state for node in nodes)
    return "running" if states["running"] else "failed" if states["failed"] else "done"


def seconds(elapsed: float) -> str:
    """`40ms`, `4.2s`, `1m02s`."""
    if elapsed < 1:
        return f"{elapsed * 1000:.0f}ms"
    if elapsed < _MINUTE:
        return f"{elapsed:.1f}s"
    minutes, rest = divmod(int(elapsed), _MINUTE)
    return f"{minutes}m{rest:02}s"


def tokens(usage: Usage) -> str:
    """`840 tok`, `12.3k tok`; nothing if none are known."""
    if not usage.tokens:
        return ""
    count = usage.tokens
    return f"{count} tok" if count < 1000 else f"{count / 1000:.1f}k tok"  # noqa: PLR2004


def usd(usage: Usage) -> str:
    """`$0.0012`, `$1.25`; `$?` if a price is not known."""
    if not usage.tokens:
        return ""
    amount = usage.usd
    if amount is None:
        return "$?"
    if 0 < amount < Decimal("0.0001"):
        return "<$0.0001"
    return f"${amount:.4f}" if 0 < amount < Decimal("0.1") else f"${amount:.2f}"
