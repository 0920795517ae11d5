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
from datetime import datetime
from importlib.resources import files
from typing import Any

from agentloop.observers.timeline import CallBar, Lane, Segment, Startup, Timeline, TurnBar
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
    return _Data(timeline, max_text).whole() | {"began": None if began is None else began.isoformat()}


class _Data:
    def __init__(self, timeline: Timeline, max_text: int) -> None:
        self._timeline = timeline
        self._max_text = max_text
        self._began = timeline.began
        self._usage = timeline.usage
        self._path = timeline.critical_path()
        self._critical = {id(segment.what): segment for segment in self._path}

    def whole(self) -> dict[str, Any]:
        timeline = self._timeline
        ordered = list(timeline.in_order())
        return {
            "questions": [
                {"prompt": self._cut(root.prompt), "answer": self._cut(root.answer), "error": self._cut(root.error)}
                for root in timeline.roots
            ],
            "seconds": self._time(timeline.latest),
            "totals": self._totals(),
            "models": self._usage.to_json(),
            "servers": [self._startup(startup) for startup in timeline.startups],
            "lanes": [self._lane(lane, depth) for lane, depth in ordered],
        }

    def _totals(self) -> dict[str, Any]:
        timeline = self._timeline
        lanes = timeline.lanes.values()
        calls = [call for lane in lanes for call in lane.calls]
        return {
            "wall": round(timeline.wall, 6),
            "work": round(timeline.work, 6),
            "at_work": round(timeline.at_work, 6),
            "starting": round(timeline.starting, 6),
            "critical": round(sum(segment.seconds for segment in self._path), 6),
            "tokens": self._usage.tokens,
            "usd": usd_to_json(self._usage.usd),
            "requests": self._usage.requests,
            "agents": len(lanes),
            "calls": len(calls),
            "failed": sum(call.is_error for call in calls),
        }

    def _startup(self, startup: Startup) -> dict[str, Any]:
        return {
            "name": self._cut(startup.server),
            "remote": startup.is_remote,
            "begin": self._time(startup.began),
            "end": self._end(startup),
            "error": self._cut(startup.error),
        }

    def _lane(self, lane: Lane, depth: int) -> dict[str, Any]:
        above = lane.above
        value: dict[str, Any] = {
            "agent": self._cut(lane.agent),
            "depth": depth,
            "begin": self._time(lane.began),
            "end": self._end(lane),
            "where": self._cut(lane.served_by),
            "claimed": lane.is_claimed,
            "prompt": self._cut(lane.prompt),
            "answer": self._cut(lane.answer),
            "error": self._cut(lane.error),
            "notices": [self._cut(text) for text in lane.notices],
            "bars": self._bars(lane),
        } | _cost(lane.own)
        if above is not None:
            value["call"] = self._call(above) | {"number": above.id.rpartition(".")[2]}
        return value

    def _bars(self, lane: Lane) -> list[dict[str, Any]]:
        """Turns, and the calls that started no run, each on a track where it overlaps with no other.

        A call too short to be visible is drawn wider, and not on the track of the turns.
        """
        leaves: Sequence[TurnBar | CallBar] = [*lane.turns, *(call for call in lane.calls if not call.runs)]
        narrowest = NARROWEST * (self._timeline.latest - self._began)
        tracks: dict[int, float] = {}
        bars = []
        for what in sorted(leaves, key=lambda each: each.began):
            end, first = self._timeline.end(what), 0
            if isinstance(what, CallBar) and end < what.began + narrowest:
                end, first = what.began + narrowest, bool(lane.turns)
            free = next(track for track in itertools.count(first) if tracks.get(track, what.began) <= what.began)
            tracks[free] = end
            bar = self._turn(what, lane) if isinstance(what, TurnBar) else self._call(what)
            bars.append(bar | {"track": free})
        return bars

    def _turn(self, turn: TurnBar, lane: Lane) -> dict[str, Any]:
        asked = [call for call in lane.calls if call.turn == turn.number]
        return (
            {
                "kind": "turn",
                "name": self._cut(turn.model),
                "number": turn.number,
                "begin": self._time(turn.began),
                "end": self._end(turn),
                "stop": self._cut(turn.stop_reason),
                "retries": [self._cut(text) for text in turn.retries],
                "calls": len(asked),
                "replayed": turn.is_replayed,
            }
            | _cost(turn.usage if turn.usage.requests else ModelUsage())
            | self._on_path(turn)
        )

    def _call(self, call: CallBar) -> dict[str, Any]:
        return {
            "kind": "call",
            "name": self._cut(call.tool),
            "begin": self._time(call.began),
            "end": self._end(call),
            "arguments": self._arguments(call.arguments),
            "result": self._cut(call.result),
            "failed": call.is_error,
            "where": self._cut(call.served_by),
            "replayed": call.is_replayed,
            "progress": [self._cut(text) for text in call.progress],
        } | self._on_path(call)

    def _on_path(self, what: TurnBar | CallBar) -> dict[str, Any]:
        segment: Segment | None = self._critical.get(id(what))
        return {} if segment is None else {"critical": [self._time(segment.began), self._time(segment.ended)]}

    def _end(self, what: Lane | TurnBar | CallBar | Startup) -> float | None:
        return None if what.ended is None else self._time(what.ended)

    def _arguments(self, arguments: Mapping[str, Any]) -> Any:
        """The arguments as JSON, or as text if a browser cannot read them or they are too long."""
        try:
            text = _encode(arguments)
        except (TypeError, ValueError):
            return self._cut(repr(arguments))
        return arguments if len(text) <= self._max_text else self._cut(text)

    def _cut(self, text: str | None) -> str | None:
        if text is None or len(text) <= self._max_text:
            return text
        return f"{text[: self._max_text]}… ({len(text) - self._max_text:,} more characters)"

    def _time(self, at: float) -> float:
        return round(at - self._began, 6)


def _cost(usage: Usage | ModelUsage) -> dict[str, Any]:
    return {"tokens": usage.tokens, "usd": usd_to_json(usage.usd), "requests": usage.requests}


def _file(name: str) -> str:
    return files("agentloop.observers").joinpath(name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The name of this inline text in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
