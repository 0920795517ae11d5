"""YAML front matter of a Markdown file, with the line of every key.

PyYAML composes the nodes, which carry positions, and constructs plain values from them. What it would accept and an
agent file has no use for is refused: aliases (which let a few lines expand to gigabytes), duplicate keys and deep
nesting.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agentloop.exact_json import encodable_text

MAX_BYTES = 1_000_000
"""Of one file."""
MAX_CHARACTERS = 64_000
MAX_DEPTH = 32
"""Objects and lists within each other."""

_FENCE = "---"
_HALF = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Loader(yaml.SafeLoader):
    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        r"""Two escapes for one character, as JSON writes emoji (`\ud83d\ude00`), are one character here too."""
        return encodable_text(super().construct_scalar(node))


class FrontMatterError(Exception):
    """The front matter cannot be read. `line` is the line of the file, counted from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values of a front matter as plain data, the lines of their keys in the file, and the Markdown after it.

    `unquoted` is the line of a description that is not valid YAML and was read as text, if there is one.
    """

    values: dict[str, Any]
    lines: dict[str, int]
    body: str
    unquoted: int | None = None


def read_front_matter(text: str, *, keys: Collection[str]) -> FrontMatter | None:
    r"""Read the front matter of a Markdown text with `\n` line ends; None if it does not begin with a line `---`.

    Many agent files in use have a `description` in plain text with `: ` in it, often several lines of dialogue, which
    YAML refuses and Claude Code accepts. Such a description is read as text up to the next of `keys`.

    Raises:
        FrontMatterError: it is not closed, too large, not YAML, no mapping, or has a key twice.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return None
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise FrontMatterError(1, "the front matter that begins here has no end: close it with a line ---")
    source, body = "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])
    if len(source) > MAX_CHARACTERS:
        raise FrontMatterError(1, f"the front matter has {len(source):,} characters; {MAX_CHARACTERS:,} is the limit")
    try:
        return FrontMatter(*_entries(source), body)
    except yaml.YAMLError as error:
        mended = _with_description_as_text(source, keys)
        if mended is None:
            raise _syntax_error(error, source) from None
        try:
            values, key_lines = _entries(mended[0])
        except (FrontMatterError, yaml.YAMLError):
            raise _syntax_error(error, source) from None
    return FrontMatter(values | {"description": mended[1]}, key_lines, body, key_lines["description"])


def read_text(path: Path) -> str:
    r"""The text of a file with `\n` line ends and without a byte order mark.

    Raises:
        FrontMatterError: it cannot be read, is too large or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FrontMatterError(1, f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise FrontMatterError(1, f"larger than {MAX_BYTES:,} bytes")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise FrontMatterError(content.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def markdown_files(found: Iterable[Path]) -> list[Path]:
    """Those that are no folders, pipes or devices, sorted: opening a pipe waits for somebody to write into it."""
    return sorted(path for path in found if path.is_file() or not path.exists())


def _with_description_as_text(source: str, keys: Collection[str]) -> tuple[str, str] | None:
    """The source with an empty description of as many lines, and the text of the description."""
    others = "|".join(map(re.escape, keys))
    plain = rf"^description:[ \t]+(?P<text>[^\s\"'|>].*?)(?=\n(?:{others}):|\Z)"
    found = re.search(plain, source, re.DOTALL | re.MULTILINE)
    if found is None:
        return None
    blank = "description: ''" + "\n" * found[0].count("\n")
    return source[: found.start()] + blank + source[found.end() :], found["text"].rstrip()


def _entries(source: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The values by their keys, and the lines of the keys."""
    _check_events(source)
    root = yaml.compose(source, Loader=yaml.SafeLoader)
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise FrontMatterError(2, "the front matter is not a list of `key: value` lines")
    _check_keys(root, source)
    constructor = _Loader(source)
    values = {key.value: _constructed(constructor, value, source) for key, value in root.value}
    return values, {key.value: _line(source, key.start_mark.index) for key, _ in root.value}


def _check_events(source: str) -> None:
    depth = 0
    for event in yaml.parse(source, Loader=yaml.SafeLoader):
        depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
        line = _line(source, event.start_mark.index if event.start_mark else 0)
        if depth > MAX_DEPTH:
            raise FrontMatterError(line, f"more than {MAX_DEPTH} objects and lists are nested in each other")
        if isinstance(event, yaml.ScalarEvent) and _HALF.search(event.value):
            raise FrontMatterError(line, r"a text has half a character, such as \ud83d: write the character itself")
        if isinstance(event, yaml.AliasEvent):
            raise FrontMatterError(line, f"YAML aliases (*{event.anchor}) are not supported: write the value out")


def _check_keys(node: yaml.Node, source: str) -> None:
    """Refuse duplicate keys, at any depth, and keys that are not plain text."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, source)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = _line(source, key.start_mark.index)
            if not isinstance(key, yaml.ScalarNode):
                raise FrontMatterError(line, "a key is not plain text")
            if key.value in lines:
                raise FrontMatterError(line, f"the key {key.value!r} is there already, on line {lines[key.value]}")
            lines[key.value] = line
            _check_keys(value, source)


def _constructed(constructor: yaml.SafeLoader, node: yaml.Node, source: str) -> Any:
    try:
        return constructor.construct_object(node, deep=True)
    except (ValueError, TypeError, OverflowError) as error:  # a day that is not in the calendar, 5,000 digits
        raise FrontMatterError(_line(source, node.start_mark.index), f"a value cannot be read: {error}") from None


def _syntax_error(error: yaml.YAMLError, source: str) -> FrontMatterError:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    index = mark.index if mark is not None else getattr(error, "position", 0)
    line = _line(source, index)
    text = source.split("\n")[line - 2] if source else ""
    if "\t" in text[: len(text) - len(text.lstrip())]:
        return FrontMatterError(line, "the line is indented with a tab: YAML takes spaces only")
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    return FrontMatterError(
        line, f"not valid YAML: {problem}. A value with ': ', ' #' or quotes in it has to be quoted."
    )


def _line(source: str, index: int) -> int:
    """The line in the file; the first line of the source is the second one there."""
    return source.count("\n", 0, min(index, len(source) - 1)) + 2
