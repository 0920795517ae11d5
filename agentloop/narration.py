"""Events in words: one line for a person, or nothing for an event that is not worth one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentloop import exact_json
from agentloop.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnRetried,
)

LINE = 200
"""Characters in a line at most: MCP clients cut longer progress messages."""


class Narrator:
    """Tells events as lines, knowing which run hangs under which call, so that agents at work at once stay apart."""

    def __init__(self) -> None:
        self._speakers: dict[str, str] = {}

    def tell(self, event: Event) -> str | None:
        """The line for an event, the speaker first: `calculator_assistant#2: calls ...`."""
        if isinstance(event, RunStarted) and event.parent_call:
            self._speakers[event.run] = f"{event.agent}#{_number(event.parent_call)}"
        line = describe(event)
        return None if line is None else clip(f"{self._speakers.get(event.run, event.agent)}: {line}", LINE)


def describe(event: Event) -> str | None:  # noqa: PLR0911 - one for each kind of event
    """What happened, without saying to whom."""
    match event:
        case RunStarted(prompt=prompt):
            return f"asked: {prompt}"
        case ToolStarted(arguments=arguments):
            return f"calls {_call(event)}({_arguments(arguments)})"
        case ToolProgress(message=message):
            return f"{_call(event)} > {message}"
        case ToolFinished(result=result, is_error=is_error, served_by=served_by, seconds=seconds):
            verb = "failed" if is_error else "answered"
            return f"{_call(event)} {verb} after {seconds:.2f} s ({served_by}): {result}"
        case TurnRetried(attempt=attempt, reason=reason, next_try_in=seconds, error=error):
            return f"attempt {attempt}, {reason}, next try in {_seconds(seconds)}: {error}"
        case Notice(text=text):
            return text
        case RunFinished(error=str(error)):
            return f"ended without an answer: {error}"
        case RunFinished(answer=str(answer), bill=bill):
            return f"answered after {bill.seconds:.2f} s: {answer}"
        case _:
            return None


def clip(text: str, characters: int) -> str:
    """The text on one line, cut to `characters`; nothing in it can steer a terminal."""
    is_clean = text.isprintable() and "  " not in text and not text.startswith(" ") and not text.endswith(" ")
    line = text if is_clean else printable(" ".join(text.split()))
    return line if len(line) <= characters else line[: characters - 1] + "…"


def printable(text: str) -> str:
    """The text without control and escape characters, which could steer a terminal; lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _call(event: ToolStarted | ToolProgress | ToolFinished) -> str:
    return f"{event.tool}#{_number(event.call)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 1 else f"{seconds:.0f} s"


def _number(call: str) -> str:
    return call.rpartition(".")[2]


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={exact_json.dumps(value)}" for name, value in arguments.items())
