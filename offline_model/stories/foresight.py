"""An Earley parser that looks one lexeme ahead: rules that cannot begin with it are not tried.

Lark's parser predicts every rule at every place, which with this grammar is most of its time. What is left out here
could not have been scanned, so the parses are the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.parsers.earley import Parser

from offline_model.lexeme import Lexeme

Predictions = Mapping[Any, Sequence[Rule]]


class Foresight:
    """The grammar of a compiled Lark, with the rules that may begin with each terminal."""

    def __init__(self, lark: Lark, start: str) -> None:
        self._parser: Parser = lark.parser.parser
        self._frontend = lark.parser
        self._start = start
        self._first = {rule: self._beginnings(rule) for rule in self._parser.parser_conf.rules}
        self._by_kind: dict[str, Predictions] = {}

    def parse(self, lexemes: Sequence[Lexeme]) -> Any:
        """The parse tree. Raises lark's UnexpectedInput."""
        made = _Looking.__new__(_Looking)
        made.__dict__.update(self._parser.__dict__)
        made.ahead = [self._predictions(kind) for kind in (*(lexeme.kind for lexeme in lexemes), "")]
        stream = self._frontend._make_lexer_thread(lexemes)  # noqa: SLF001
        return made.parse(stream, self._start)  # type: ignore[no-untyped-call]

    def _beginnings(self, rule: Rule) -> frozenset[str] | None:
        """The terminals it may begin with; None if it may be empty."""
        names: set[str] = set()
        for symbol in rule.expansion:
            if symbol.is_term:
                return frozenset(names | {symbol.name})
            names |= {each.name for each in self._parser.FIRST[symbol]}
            if symbol not in self._parser.NULLABLE:
                return frozenset(names)
        return None

    def _predictions(self, kind: str) -> Predictions:
        if kind not in self._by_kind:
            made: dict[Any, list[Rule]] = {rule.origin: [] for rule in self._first}
            for rule, names in self._first.items():
                if names is None or kind in names:
                    made[rule.origin].append(rule)
            self._by_kind[kind] = made
        return self._by_kind[kind]


class _Looking(Parser):
    ahead: Sequence[Predictions]

    def predict_and_complete(self, i: int, *rest: Any) -> Any:
        self.predictions = self.ahead[i]  # type: ignore[assignment]
        return super().predict_and_complete(i, *rest)  # type: ignore[no-untyped-call]
