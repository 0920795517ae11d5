"""Sampled stacks: what they say of where the time goes, and the picture of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH, ROW, LETTER = 1200.0, 15, 6.3
"""Pixels of a picture, of a frame's height and of a letter."""
NARROWEST = 0.0015
"""What takes a smaller part of the time than that is not drawn."""

Stacks = Mapping[tuple[str, ...], int]
"""Samples by their stacks, the outermost frame first; a frame is `function (file:line)`, with the whole path."""

_FRAME = re.compile(r"(?P<name>.+?) \((?P<file>[^()]+?)(?::\d+)?\)$")
_PACKAGE = re.compile(r".*/(?:site|dist)-packages/(?P<package>[^/.]+)")
_STANDARD = re.compile(r".*/python3\.\d+/(?P<module>[^/.]+)|<frozen (?P<frozen>[^.>]+)")
_WAITING = re.compile(r"\b(wait|select|poll|accept) \(.*/(threading|selectors)\.py")
_BEGINNING = re.compile(r"(Handle|WorkerThread)\.(_run|run) \(|process ")
_OURS = ("agentloop", "mcp_calc_server", "orchestrator_client", "offline_model")


def read(path: Path) -> dict[str, Counter[tuple[str, ...]]]:
    """py-spy's raw form, `frame;frame;frame count` a line, by process: its command.

    Stacks begin where an event loop or a thread has got to work; those that only wait are left out.
    """
    processes: dict[str, Counter[tuple[str, ...]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text, _, count = line.rpartition(" ")
        frames = text.split(";")
        if not _WAITING.search(frames[-1]):
            process = [frame for frame in frames if frame.startswith("process ")][-1]
            begin = max((place for place, frame in enumerate(frames) if _BEGINNING.match(frame)), default=-1) + 1
            processes.setdefault(process, Counter())[tuple(frames[begin:]) or ("the interpreter",)] += int(count)
    return processes


def where(stacks: Stacks) -> dict[str, float]:
    """The part of the time that was spent in each package or module itself, not in what it calls; the largest first."""
    total = sum(stacks.values())
    found: Counter[str] = Counter()
    for frames, count in stacks.items():
        found[_place(frames[-1])] += count
    return {place: count / total for place, count in found.most_common()}


def _place(frame: str) -> str:
    """Ours by module, libraries by package, the standard library by module."""
    match = _FRAME.fullmatch(frame)
    if match is None:
        return "the interpreter"
    file = match["file"]
    found = _PACKAGE.match(file) or _STANDARD.match(file)
    if found is not None:
        return found.group(1) or "the interpreter"
    for room in _OURS:
        if f"{room}/" in file:
            inside = file[file.rindex(f"{room}/") + len(room) + 1 :].removesuffix(".py")
            return f"{room}.{inside.replace('/', '.')}"
    return file.removesuffix(".py").rpartition("/")[2]


@dataclass(slots=True)
class _Node:
    samples: int = 0
    below: dict[str, _Node] = field(default_factory=dict)

    def add(self, frames: Iterable[str], count: int) -> None:
        node = self
        node.samples += count
        for frame in frames:
            node = node.below.setdefault(frame, _Node())
            node.samples += count


def picture(title: str, stacks: Stacks) -> str:
    """A flame graph as SVG: width is time, callers are above those they call. Pointing at a frame names it."""
    root = _Node()
    for frames, count in stacks.items():
        root.add((_name(frame) for frame in frames), count)
    boxes = list(_boxes(root, 0, 0.0, root.samples))
    height = (max((depth for depth, *_ in boxes), default=0) + 3) * ROW
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" font-family="monospace" font-size="10">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text x="4" y="{ROW - 4}">{escape(title)}: {root.samples:,} samples</text>',
            *(_box(*box, root.samples) for box in boxes),
            "</svg>\n",
        ]
    )


def _name(frame: str) -> str:
    """Without the line, so that a function is one box; with its place, so that two of a name are two."""
    match = _FRAME.fullmatch(frame)
    return frame if match is None else f"{match['name']} ({_place(frame)})"


def _boxes(node: _Node, depth: int, left: float, total: int) -> Iterator[tuple[int, float, str, int]]:
    """Depth, samples to the left, name and samples."""
    for name, child in sorted(node.below.items()):
        if child.samples >= NARROWEST * total:
            yield depth, left, name, child.samples
            yield from _boxes(child, depth + 1, left, total)
        left += child.samples


def _box(depth: int, left: float, name: str, samples: int, total: int) -> str:
    x, width, y = left / total * WIDTH, samples / total * WIDTH, (depth + 1.5) * ROW
    letters = int((width - 4) / LETTER)
    text = escape(name if len(name) <= letters else name[: letters - 1] + "…") if letters > 2 else ""
    written = f'<text x="{x + 2:.1f}" y="{y + ROW - 4:.1f}">{text}</text>' if text else ""
    return (
        f"<g><title>{escape(name)}, {100 * samples / total:.1f} %</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.3, width - 0.3):.1f}" height="{ROW - 1}" fill="{_colour(name)}"/>'
        f"{written}</g>"
    )


def _colour(name: str) -> str:
    """Ours are green, asyncio grey, the rest orange."""
    match = re.search(r"\(([^.()]+)[^()]*\)$", name)
    place = match[1] if match else ""
    if place in _OURS:
        return "#9bd39b"
    return "#d9d9d9" if place in {"asyncio", "selectors", "threading", ""} else "#f4b26b"
