"""What a text is cut into, and the one way of saying that it cannot be read."""

from dataclasses import dataclass


class Unread(Exception):
    """The text, or part of it, cannot be read. Its message says why and names the words."""


class NotThis(Unread):
    """The text is not of the kind that this reader reads; another may read it."""


@dataclass(frozen=True)
class Lexeme:
    kind: str
    text: str
    """What the grammar sees: the canonical number for NUMBER and MONEY ("$12.50"), else the words as written."""
    start: int
    end: int
    spoken: bool = False
    """A number written as a word."""


@dataclass(frozen=True)
class Segment:
    lexemes: tuple[Lexeme, ...]
    bullet: bool
