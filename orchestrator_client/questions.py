"""Questions of agents and servers: answered from a file, by the person at the terminal, or declined."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentloop import Accepted, Answer, Cancelled, ConfigurationError, Declined, Question, ToolError
from agentloop.mcp.client.config_file import read_document
from agentloop.narration import clip, printable
from agentloop.schema_check import SchemaCheck
from orchestrator_client.login import open_in_browser

if TYPE_CHECKING:
    from orchestrator_client.person import Person

DECLINE = "/decline"
MAX_LINES = 40
LABEL = 300
"""Lines of a question, and characters of each text of its form, that are shown."""
WORDS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}

_SECRET = re.compile(
    r"pass ?(word|phrase|code)|secret|token|credential|(api|access|private).?key|\bpin\b|cvv", re.IGNORECASE
)

Say = Callable[[str], None]
ReadLine = Callable[[str], Awaitable[str | None]]


class Answers:
    """The answers in a file: a JSON object with a pattern of questions for each answer.

    An answer is the object of the form's fields, `"decline"`, `"cancel"`, or the value of the only field. For a page to
    open, `true` agrees. The first pattern that matches the question, or `AGENT: QUESTION`, counts.
    """

    def __init__(self, path: Path) -> None:
        """Raises `ConfigurationError`: the file cannot be read, or is not such an object."""
        try:
            self._answers = read_document(path)
        except ConfigurationError as error:
            raise ConfigurationError(f"--answers: {error}") from None
        if not isinstance(self._answers, dict):
            raise ConfigurationError(f'--answers: {path} has to be an object such as {{"Which licence*": "MIT"}}.')

    def to(self, question: Question) -> Answer[Any] | None:
        """The answer to a question, or None if no pattern matches.

        Raises:
            ToolError: it does not fit the form.
        """
        texts = (question.message, f"{question.agent}: {question.message}")
        for pattern, answer in self._answers.items():
            if any(fnmatchcase(text.casefold(), pattern.casefold()) for text in texts):
                return _given(question, answer)
        return None


def _given(question: Question, answer: Any) -> Answer[Any]:
    if answer in ("decline", "cancel"):
        return Declined() if answer == "decline" else Cancelled()
    fields = list(question.schema.get("properties", {}))
    if question.url is not None or not fields:
        if answer is True or (answer == {} and question.url is None):
            return Accepted({})
        raise ToolError('There is nothing to fill in: give true, "decline" or "cancel".')
    if not isinstance(answer, dict) and len(fields) == 1:
        answer = {fields[0]: answer}
    if not isinstance(answer, dict):
        raise ToolError(f"The form has the fields {', '.join(fields)}: give an object.")
    return Accepted(question.completed(answer))


@dataclass
class Questions:
    """Answers questions, and remembers what was asked. Without `answers` and `person` each is declined."""

    say: Say
    answers: Answers | None = None
    person: Person | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer[Any]:
        """The answer, of the file if it has one."""
        by, answer = "file", None
        try:
            answer = None if self.answers is None else self.answers.to(question)
        except ToolError as error:
            self.say(f"--answers: {clip(question.message, LABEL)}: {error}")
        if question.url is not None and isinstance(answer, Accepted):
            self.say(f"{who(question)} asks you to open this page: {printable(question.url)}")
        if answer is None and self.person is not None:
            by = "person"
            answer = await _asked(question, self.person, self.say)
        if answer is None:
            by, answer = "nobody", Declined()
            self.say(f"{who(question)} asked: {clip(question.message, LABEL)}")
            is_first = all(each["answered_by"] != "nobody" for each in self.asked)
            way = " To answer such questions without a terminal: --answers FILE" if is_first else ""
            self.say(f"Nobody is here, so it was declined.{way}")
        self.asked.append(
            {
                "agent": question.agent,
                "server": question.server,
                "message": question.message,
                **({} if question.url is None else {"url": question.url}),
                "answer": type(answer).__name__.lower(),
                "answered_by": by,
            }
        )
        return answer


def who(question: Question) -> str:
    """Who asks, for example `reviewer on https://example.org/mcp`."""
    place = clip(question.server, LABEL)
    if not question.agent:
        return place or "An agent"
    return f"{clip(question.agent, LABEL)} on {place}" if place else clip(question.agent, LABEL)


class _Refused(Exception):
    """The person declined or dismissed the question."""

    def __init__(self, answer: Declined | Cancelled) -> None:
        self.answer = answer


async def _asked(question: Question, person: Person, say: Say) -> Answer[Any]:
    fields = question.schema.get("properties", {})
    needed = question.schema.get("required", ())
    async with person.turn() as read:
        try:
            if question.url is not None:
                return await _page(question, question.url, read, say)
            say(f"{who(question)} asks:")
            _say_message(question, say)
            if not fields:
                return await _agreed("Agree?", read, say)
            typed = {name: await _field(name, fields[name], name in needed, read, say) for name in fields}
        except _Refused as refused:
            return refused.answer
    return Accepted({name: value for name, value in typed.items() if value is not None})


def _say_message(question: Question, say: Say) -> None:
    lines = question.message.splitlines()
    for line in lines[:MAX_LINES]:
        say(f"  {printable(line)}")
    if len(lines) > MAX_LINES:
        say(f"  ({len(lines) - MAX_LINES} more lines)")
    if any(_asks_for_secret(name, each) for name, each in question.schema.get("properties", {}).items()):
        say("  Careful: this form asks for something like a password or a key. Agents and their models read what you")
        say(f"  type here. {DECLINE} if you do not want that.")
    say(f"  ({DECLINE} refuses to answer, Ctrl-D dismisses the question)")


def _asks_for_secret(name: str, schema: Mapping[str, Any]) -> bool:
    words = re.sub(r"[_-]", " ", f"{name} {schema.get('title', '')} {schema.get('description', '')}")
    return _SECRET.search(words) is not None


async def _page(question: Question, url: str, read: ReadLine, say: Say) -> Answer[Any]:
    parts = urlsplit(url)
    host = _ascii(parts.hostname or "")
    say(f"{who(question)} asks you to open a web page at {clip(host, LABEL)}:")
    _say_message(question, say)
    if parts.scheme != "https":
        say("  Careful: the connection to this page is not encrypted.")
    for start in range(0, len(url), LABEL):
        say(f"  {printable(url[start : start + LABEL])}")
    answer = await _agreed(f"Open {clip(host, LABEL)} in the browser?", read, say)
    if isinstance(answer, Accepted):
        open_in_browser(url)
    return answer


def _ascii(host: str) -> str:
    """The host as it is looked up, in which no letter looks like another one."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ascii(host)


async def _agreed(text: str, read: ReadLine, say: Say) -> Answer[Any]:
    agrees = await _field("", {"type": "boolean", "title": text}, True, read, say)  # noqa: FBT003
    return Accepted({}) if agrees else Declined()


async def _field(name: str, schema: Mapping[str, Any], is_needed: bool, read: ReadLine, say: Say) -> Any:  # noqa: FBT001
    """The value that the person types for a field; None if they leave it out."""
    choices = _choices(schema.get("items", schema))
    label = _label(name, schema, choices)
    while True:
        line = await read(label)
        if line is None or line == DECLINE:
            raise _Refused(Cancelled() if line is None else Declined())
        if not line and ("default" in schema or not is_needed):
            return schema.get("default")
        try:
            value = _value(line, schema, choices)
        except ValueError as error:
            say(f"  {error}")
            continue
        misfit = SchemaCheck(schema, is_trusted=False).misfit(value)
        if misfit is None:
            return value
        say(f"  {misfit[1]}")


def _choices(schema: Mapping[str, Any]) -> dict[str, str]:
    """What can be chosen, by the text that is shown."""
    titled = schema.get("oneOf") or schema.get("anyOf") or ()
    if titled:
        values = [(str(each.get("title", each.get("const"))), str(each.get("const"))) for each in titled]
        titles = [title for title, _ in values]
        return {f"{title} ({value})" if titles.count(title) > 1 else title: value for title, value in values}
    names = schema.get("enumNames") or schema.get("enum") or ()
    return dict(zip(map(str, names), map(str, schema.get("enum") or ()), strict=False))


def _label(name: str, schema: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    text = clip(str(schema.get("title") or name), LABEL)
    if schema.get("description"):
        text += f", {clip(str(schema['description']), LABEL)}"
    if schema.get("type") == "boolean":
        text += " (yes, no)"
    if choices:
        several = "some of " if schema.get("type") == "array" else ""
        text += f" ({several}{clip(', '.join(f'{n} {each}' for n, each in enumerate(choices, 1)), 10 * LABEL)})"
    if "default" in schema:
        text += f" [{clip(_shown(schema['default']), LABEL)}]"
    return f"{text}: "


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(line: str, schema: Mapping[str, Any], choices: Mapping[str, str]) -> Any:
    """The value of a typed line.

    Raises:
        ValueError: it has none; for the person.
    """
    match schema.get("type"):
        case "boolean":
            if line.lower() not in WORDS:
                raise ValueError("Type yes or no.")
            return WORDS[line.lower()]
        case "integer" | "number" as kind:
            with suppress(ValueError):
                if kind == "integer" or re.fullmatch(r"[+-]?\d+", line):
                    return int(line)
                if math.isfinite(number := float(line)):
                    return number
            raise ValueError("Type a whole number." if kind == "integer" else "Type a number.")
        case "array":
            return [_chosen(part.strip(), choices) for part in line.split(",") if part.strip()]
    return _chosen(line, choices) if choices else line


def _chosen(typed: str, choices: Mapping[str, str]) -> str:
    """The choice that is typed in its own words, which may be a number, or else by its number or in another case."""
    for shown, value in choices.items():
        if typed in (shown, value):
            return value
    for number, (shown, value) in enumerate(choices.items(), 1):
        if typed == str(number) or typed.casefold() in {shown.casefold(), value.casefold()}:
            return value
    raise ValueError(f"{clip(typed, LABEL)} is not one of the choices.")
