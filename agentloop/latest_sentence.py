"""What an agent says while it works, for people who do not see all of its text."""

from __future__ import annotations

import re

from agentloop.events import Event, RunStarted, TextDelta, TurnFinished, TurnRetried, TurnStarted

PAUSE = 1.0
"""Seconds between two sentences of one turn."""
MAX_TEXT = 1_000
"""Characters of a turn's text in which a sentence is looked for."""

_END = re.compile(r"(?<=[.!?…:])(?=\s)|(?<=[\u3002\uff01\uff1f])|\n")


class LatestSentence:
    """Reads sentences from the events of the outermost run: at most one a second, and the last one before tool calls.

    The last sentence of the answer is left out, because the answer follows at once.
    """

    def __init__(self) -> None:
        self._run: str | None = None
        self._text = ""
        self._next = 0.0

    def on_event(self, event: Event) -> str | None:
        """The sentence that ends with this event, if it is to be shown."""
        if self._run is None and isinstance(event, RunStarted):
            self._run = event.run
        if event.run != self._run:
            return None
        match event:
            case TurnStarted() | TurnRetried():
                self._text, self._next = "", 0.0
            case TurnFinished(tool_calls=calls) if calls:
                return _last(_END.split(self._text))
            case TextDelta(text=text):
                return self._add(text, event.at)
        return None

    def _add(self, text: str, at: float) -> str | None:
        self._text = (self._text + text)[-MAX_TEXT:]
        *ended, rest = _END.split(self._text)
        sentence = _last(ended)
        if sentence is None or at < self._next:
            return None
        self._text, self._next = rest, at + PAUSE
        return sentence


def _last(sentences: list[str]) -> str | None:
    return next((each.strip() for each in reversed(sentences) if each.strip()), None)
