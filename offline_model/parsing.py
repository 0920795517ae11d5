"""Grammar files, compiled when they are first needed, and the parsing of lexemes that are made already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedToken, VisitError
from lark.lexer import Lexer

from offline_model.lexeme import Lexeme


@dataclass(frozen=True)
class Refused:
    """Where a parse stopped: the index of the lexeme that does not fit, or the number of lexemes at the end."""

    at: int


class Lexemes(Lexer):
    """Hands lark the lexemes as they are."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]
        for index, lexeme in enumerate(data):
            yield Token(lexeme.kind, lexeme.text, start_pos=index, end_pos=lexeme.start)


def compiled(name: str, starts: Sequence[str], terminals: frozenset[str], meaning: Transformer[Token, Any]) -> Lark:
    """Takes about 0.1 s: once per process."""
    grammar = files("offline_model").joinpath(name).read_text(encoding="utf-8")
    return Lark(
        f"{grammar}\n%declare {' '.join(sorted(terminals))}\n",
        parser="lalr",
        lexer=Lexemes,
        start=list(starts),
        maybe_placeholders=False,
        transformer=meaning,
    )


def parsed(parser: Lark, start: str, lexemes: Sequence[Lexeme]) -> Any:
    """What the grammar's meaning makes of the lexemes, or Refused. Raises Unread if they fit but are in doubt."""
    try:
        return parser.parse(lexemes, start=start)
    except UnexpectedToken as stop:
        return Refused(len(lexemes) if stop.token.type == "$END" else stop.token.start_pos or 0)
    except VisitError as error:
        raise error.orig_exc from error
