"""Describes events in one line of text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from agentloop import events, exact_json
from agentloop.events import Event

LINE = 200
"""Characters of a line at most: MCP clients cut longer progress messages."""
REPLAYED = "(replayed)"
"""Marks events that were read from the store after a crash, and the calls of such turns."""
LINE_BREAK = " \N{RETURN SYMBOL} "
"""Replaces a line break in text that is shown on one line, so that numbers of two lines stay separate."""
_SHOWN = {"Zs", "Co", "Cn"}
_JOINERS = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060"
"""Characters without a width of their own that text has: Persian, Hindi, Thai, Hebrew, emoji of several parts."""


class Narrator:
    """Describes events as lines that begin with the agent's name and number, so that concurrent agents stay apart.

    It has to receive all events in order.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._replayed: set[str] = set()
        """The runs that are in a turn that was read from a store."""

    def describe(self, event: Event) -> str | None:
        """The line for an event, such as `calculator_assistant#2: calls ...`; None if it is not shown."""
        if isinstance(event, events.ServerStarting):
            return clip(starting_text(event.server, is_remote=event.is_remote), LINE)
        if isinstance(event, events.RunStarted) and event.parent_call:
            self._names[event.run] = f"{event.agent}#{_number(event.parent_call)}"
        if isinstance(event, events.TurnStarted | events.RunFinished):
            (self._replayed.add if event.replayed else self._replayed.discard)(event.run)
        line = describe(event)
        if line is None:
            return None
        is_call = isinstance(event, events.ToolStarted | events.ToolFinished)
        mark = f"{REPLAYED} " if event.replayed or (is_call and event.run in self._replayed) else ""
        return clip(f"{self._names.get(event.run, event.agent)}: {mark}{line}", LINE)


def describe(event: Event) -> str | None:  # noqa: C901, PLR0911 - one for each kind of event
    """The text for an event, without the agent's name."""
    match event:
        case events.RunStarted(prompt=prompt):
            return f"asked: {prompt}"
        case events.ToolStarted(arguments=arguments):
            return f"calls {_call(event)}({arguments_text(arguments)})"
        case events.ToolProgress(message=message):
            return f"{_call(event)} > {message}"
        case events.ToolFinished(result=result, is_error=is_error, served_by=served_by, seconds=seconds):
            verb = "failed" if is_error else "answered"
            return f"{_call(event)} {verb} after {seconds:.2f} s ({served_by}): {result}"
        case events.TurnRetried(attempt=attempt, reason=reason, next_try_in=seconds, error=error):
            return f"attempt {attempt}, {reason}, next try in {_seconds(seconds)}: {error}"
        case events.NoteReceived(text=text):
            return f"gets the note: {text}"
        case events.Notice(text=text):
            return text
        case events.ContextEdited(results=0):
            return "the conversation so far is replaced by a summary in the prompt"
        case events.ContextEdited(results=results, tokens=tokens):
            return f"{results} old tool results are left out of the prompt, about {tokens:,} tokens"
        case events.RunFinished(error=str(error)):
            return f"ended without an answer: {error}"
        case events.RunFinished(answer=str(answer), bill=bill):
            return f"answered after {bill.seconds:.2f} s: {answer}"
        case _:
            return None


def clip(text: str, characters: int) -> str:
    """The text on one line, cut to `characters`, without control characters and others without a width."""
    is_clean = text.isprintable() and "  " not in text and not text.startswith(" ") and not text.endswith(" ")
    line = text if is_clean else _on_one_line(text[: 10 * characters])
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _on_one_line(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    text = LINE_BREAK.join(line for line in lines if line)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def printable(text: str) -> str:
    """The text with what could control a terminal, or change the direction of text, replaced; see `is_printable`."""
    if text.isprintable():
        return text
    return "".join(c if is_printable(c) or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def escaped(text: str) -> str:
    """JSON with escapes for what is not printable, so that it is read as it is; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def is_printable(character: str) -> bool:
    """Also of spaces, of the joiners and marks that languages and emoji need, and of characters newer than Python."""
    return character.isprintable() or category(character) in _SHOWN or character in _JOINERS


def _call(event: events.ToolStarted | events.ToolProgress | events.ToolFinished) -> str:
    return f"{event.tool}#{_number(event.call)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 1 else f"{seconds:.0f} s"


def _number(call: str) -> str:
    return call.rpartition(".")[2]


def arguments_text(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={exact_json.dumps(value)}" for name, value in arguments.items())


def retry_text(event: events.TurnRetried) -> str:
    """`attempt 3, overloaded, next try in 8 s`; with the error in place of the reason `failed`."""
    reason = event.error if event.reason == "failed" else event.reason
    return f"attempt {event.attempt}, {reason}, next try in {_seconds(event.next_try_in)}"


def starting_text(server: str, *, is_remote: bool, seconds: float | None = None) -> str:
    """`starting calculator, 3 s`; `connecting to https://...` for a server that is not started here."""
    verb = "connecting to" if is_remote else "starting"
    return f"{verb} {server}" if seconds is None else f"{verb} {server}, {seconds:.0f} s"
