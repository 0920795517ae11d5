"""A timeline as one HTML page that needs no network and no other file.

The page's script draws what `page_data` returns. It inserts every text as text, and the page's content security policy
allows only that script.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from agentloop.observers.timeline import CallRecord, Record, RunRecord, Segment, Timeline, TurnRecord, leaves
from agentloop.usage import ModelUsage, Usage, usd_to_json

MAX_TEXT = 10_000
"""Characters of one text on the page at most."""

MARK = "<!DOCTYPE html>\n<!-- agentloop timeline -->"
"""The beginning of every page."""

NARROWEST = 0.006
"""The smallest share of the whole width that a bar takes: 3 pixels of 500."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_IN_SCRIPT = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}


def timeline_page(timeline: Timeline, began: datetime | None = None) -> str:
    """The page for a timeline. `began` is the date and time of its beginning, which the page shows."""
    return html_page(page_data(timeline, began))


def html_page(data: Mapping[str, Any] | None, *more_scripts: str) -> str:
    """The page with `data`. If that is None, one of `more_scripts` has to call `showTimeline`."""
    script = "\n".join([_file("timeline.js"), *more_scripts])
    style = _file("timeline.css")
    parts = {
        "policy": f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; base-uri 'none'",
        "style": style,
        "script": script,
        "data": "null" if data is None else json.dumps(data, allow_nan=False).translate(_IN_SCRIPT),
    }
    head, *rest = _file("timeline.html").split("{{")
    return head + "".join(parts[name] + text for name, _, text in (part.partition("}}") for part in rest))


def page_data(timeline: Timeline, began: datetime | None = None, *, max_text: int = MAX_TEXT) -> dict[str, Any]:
    """The data of the page. Times are in seconds since the timeline's beginning, rounded to a microsecond."""
    usage, path = timeline.usage, timeline.critical_path()
    write = _Writer(timeline, timeline.began, {id(segment.what): segment for segment in path}, max_text)
    calls = [call for run in timeline.runs.values() for call in run.calls]
    durations = {name: round(getattr(timeline, name), 6) for name in ("wall", "work", "at_work", "starting")}
    return {
        "began": None if began is None else began.isoformat(),
        "questions": [write.texts(prompt=run.prompt, answer=run.answer, error=run.error) for run in timeline.roots],
        "seconds": write.time(timeline.latest),
        "totals": durations
        | _cost(usage)
        | {
            "critical": round(sum(segment.seconds for segment in path), 6),
            "agents": len(timeline.runs),
            "calls": len(calls),
            "failed": sum(call.is_error for call in calls),
        },
        "models": usage.to_json(),
        "servers": [
            write.texts(name=start.server, error=start.error) | write.span(start) | {"remote": start.is_remote}
            for start in timeline.server_starts
        ],
        "lanes": [write.lane(run, depth) for run, depth in timeline.in_order()],
    }


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes records as JSON, with texts of at most `max_text` characters."""

    timeline: Timeline
    began: float
    critical: Mapping[int, Segment]
    max_text: int

    def lane(self, run: RunRecord, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {
            "depth": depth,
            "claimed": run.is_claimed,
            "notices": self.lines(run.notices),
            "bars": self.bars(run),
        }
        value |= self.texts(agent=run.agent, where=run.served_by, prompt=run.prompt, answer=run.answer, error=run.error)
        if run.above is not None:
            value["call"] = self.call(run.above) | {"number": run.above.id.rpartition(".")[2]}
        return value | self.span(run) | _cost(run.own)

    def bars(self, run: RunRecord) -> list[dict[str, Any]]:
        """Turns, and the calls that started no run, each on a track where it overlaps with no other.

        A call too short to be visible is drawn wider, and not on the track of the turns.
        """
        narrowest = NARROWEST * (self.timeline.latest - self.began)
        tracks: dict[int, float] = {}
        bars = []
        for what in sorted(leaves(run), key=lambda each: each.began):
            end, first = self.timeline.end(what), 0
            if isinstance(what, CallRecord) and end < what.began + narrowest:
                end, first = what.began + narrowest, bool(run.turns)
            free = next(track for track in itertools.count(first) if tracks.get(track, what.began) <= what.began)
            tracks[free] = end
            bar = self.turn(what, run) if isinstance(what, TurnRecord) else self.call(what)
            bars.append(bar | {"track": free})
        return bars

    def turn(self, turn: TurnRecord, run: RunRecord) -> dict[str, Any]:
        about = {
            "number": turn.number,
            "retries": self.lines(turn.retries),
            "calls": sum(call.turn == turn.number for call in run.calls),
        }
        cost = _cost(turn.usage if turn.usage.requests else ModelUsage())
        return self.bar(turn, "turn") | self.texts(name=turn.model, stop=turn.stop_reason) | about | cost

    def call(self, call: CallRecord) -> dict[str, Any]:
        about = {
            "arguments": self.arguments(call.arguments),
            "failed": call.is_error,
            "progress": self.lines(call.progress),
        }
        texts = self.texts(name=call.tool, result=call.result, where=call.served_by)
        return self.bar(call, "call") | texts | about

    def bar(self, what: TurnRecord | CallRecord, kind: str) -> dict[str, Any]:
        value = {"kind": kind, "replayed": what.is_replayed} | self.span(what)
        segment = self.critical.get(id(what))
        if segment is not None:
            value["critical"] = [self.time(segment.began), self.time(segment.ended)]
        return value

    def span(self, what: Record) -> dict[str, Any]:
        return {"begin": self.time(what.began), "end": None if what.ended is None else self.time(what.ended)}

    def time(self, at: float) -> float:
        return round(at - self.began, 6)

    def arguments(self, arguments: Mapping[str, Any]) -> Any:
        """The arguments as JSON, or as text if a browser cannot read them or they are too long."""
        try:
            text = _encode(arguments)
        except (TypeError, ValueError):
            return self.cut(repr(arguments))
        return arguments if len(text) <= self.max_text else self.cut(text)

    def texts(self, **texts: str | None) -> dict[str, Any]:
        return {name: self.cut(text) for name, text in texts.items()}

    def lines(self, texts: Sequence[str]) -> list[str | None]:
        return [self.cut(text) for text in texts]

    def cut(self, text: str | None) -> str | None:
        if text is None or len(text) <= self.max_text:
            return text
        return f"{text[: self.max_text]}… ({len(text) - self.max_text:,} more characters)"


def _cost(usage: Usage | ModelUsage) -> dict[str, Any]:
    return {"tokens": usage.tokens, "usd": usd_to_json(usage.usd), "requests": usage.requests}


def _file(name: str) -> str:
    return files("agentloop.observers").joinpath(name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The name of this inline text in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
