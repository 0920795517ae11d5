"""Replacements in a text, one after the other."""

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

By: TypeAlias = str | Callable[[re.Match[str]], str]
"""What a match is replaced by."""
Replacements: TypeAlias = tuple[tuple[re.Pattern[str], By], ...]


def compiled(replacements: Iterable[tuple[str, By]]) -> Replacements:
    """Capitals make no difference, and `^` and `$` are at the ends of lines."""
    return tuple((re.compile(pattern, re.IGNORECASE | re.MULTILINE), by) for pattern, by in replacements)


def replaced(text: str, replacements: Replacements) -> str:
    for pattern, by in replacements:
        text = pattern.sub(by, text)
    return text
