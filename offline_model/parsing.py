"""The parsing of lexemes that are made already with an LALR(1) grammar of the package."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lark import Token, Transformer, Tree
from lark.exceptions import UnexpectedToken, VisitError
from lark.parse_tree_builder import ParseTreeBuilder
from lark.parsers.lalr_parser import LALR_Parser

from offline_model.lexeme import Lexeme
from offline_model.tables import Grammar, Tables


@dataclass(frozen=True)
class Refused:
    """Where a parse stopped: the index of the lexeme that does not fit, or the number of lexemes at the end."""

    at: int


class Lexemes:
    """What lark's parsers take for a lexer under way: hands them the lexemes as they are."""

    def __init__(self, lexemes: Sequence[Lexeme]) -> None:
        self._lexemes = lexemes

    def lex(self, _state: Any) -> Iterator[Token]:
        for index, lexeme in enumerate(self._lexemes):
            yield Token(lexeme.kind, lexeme.text, start_pos=index, end_pos=lexeme.start)


def loaded(grammar: Grammar, meaning: Transformer[Token, Any]) -> LALR_Parser:
    """A parser whose rules are worked out by the methods of `meaning` as they are read."""
    tables = Tables.load(grammar)
    document = tables.document
    names = {name: place for place, name in enumerate({name for state in document["states"] for name in state})}
    states = {
        number: {names[name]: (0, to) if to >= 0 else (1, {"@": ~to}) for name, to in state.items()}
        for number, state in enumerate(document["states"])
    }
    table = {
        "tokens": list(names),
        "states": states,
        "start_states": document["starts"],
        "end_states": document["ends"],
    }
    callbacks = ParseTreeBuilder(tables.rules, Tree).create_callback(meaning)  # type: ignore[no-untyped-call]
    made: LALR_Parser = LALR_Parser.deserialize(table, tables.rules, callbacks)  # type: ignore[no-untyped-call]
    return made


def parsed(parser: LALR_Parser, start: str, lexemes: Sequence[Lexeme]) -> Any:
    """What the grammar's meaning makes of the lexemes, or Refused. Raises Unread if they fit but are in doubt."""
    try:
        return parser.parse(Lexemes(lexemes), start)  # type: ignore[no-untyped-call]
    except UnexpectedToken as stop:
        return Refused(len(lexemes) if stop.token.type == "$END" else stop.token.start_pos or 0)
    except VisitError as error:
        raise error.orig_exc from error
