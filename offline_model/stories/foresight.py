"""An Earley parser that looks one lexeme ahead: rules that cannot begin with it are not tried.

Lark's parser predicts every rule at every place, which with this grammar is most of its time. What is left out here
could not have been scanned, so the parses are the same.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from lark.grammar import NonTerminal, Rule
from lark.parsers.earley import Parser
from lark.utils import OrderedSet

from offline_model.effort import SEARCHED, spend
from offline_model.lexeme import Lexeme
from offline_model.parsing import Lexemes
from offline_model.stories.forest import Node
from offline_model.tables import Tables

Predictions = Mapping[Any, list[Rule]]


class Foresight:
    """A grammar, with the rules that may begin with each terminal."""

    def __init__(self, tables: Tables, start: str) -> None:
        self._start = start
        self._nullable = set(tables.named(tables.document["nullable"]))
        first = {name: frozenset(names.split()) for name, names in tables.document["first"].items()}
        self._first = {rule: self._beginnings(rule, first) for rule in tables.rules}
        self._by_kind: dict[str, Predictions] = {}
        self._settings = self._parser_settings(tables)

    def parse(self, lexemes: Sequence[Lexeme]) -> Node:
        """The parse forest. Raises lark's UnexpectedInput, and Unread if it takes too much."""
        ahead = [self._predictions(kind) for kind in (*(lexeme.kind for lexeme in lexemes), "")]
        parser = _Looking(self._settings, ahead, self._start)
        root: Node = parser.parse(Lexemes(lexemes), self._start)  # type: ignore[no-untyped-call]
        return root

    def _parser_settings(self, tables: Tables) -> Mapping[str, Any]:
        """The attributes of lark's parser, whose constructor would analyse the grammar for 0.1 s."""
        return {
            "lexer_conf": SimpleNamespace(terminals_by_name={}),
            "term_matcher": lambda terminal, token: terminal.name == token.type,
            "resolve_ambiguity": False,
            "debug": False,
            "forest_sum_visitor": None,
            "Tree": None,
            "Set": OrderedSet,
            "SymbolNode": Node,
            "TERMINALS": {symbol for symbol in tables.symbols if symbol.is_term},
            "NON_TERMINALS": {symbol for symbol in tables.symbols if not symbol.is_term},
            "NULLABLE": self._nullable,
        }

    def _beginnings(self, rule: Rule, first: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
        """The terminals it may begin with; None if it may be empty."""
        names: frozenset[str] = frozenset()
        for symbol in rule.expansion:
            if symbol.is_term:
                return names | {symbol.name}
            names |= first[symbol.name]
            if symbol not in self._nullable:
                return names
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
    """Parses once."""

    def __init__(self, settings: Mapping[str, Any], ahead: Sequence[Predictions], start: str) -> None:
        self.__dict__.update(settings)
        self._ahead = ahead
        named = {origin.name: rules for origin, rules in ahead[0].items()}
        self.predictions = {NonTerminal(start): named[start]}

    def predict_and_complete(self, i: int, to_scan: Any, columns: Any, *rest: Any) -> None:
        self.predictions = self._ahead[i]  # type: ignore[assignment]
        super().predict_and_complete(i, to_scan, columns, *rest)  # type: ignore[no-untyped-call]
        searched = sum(len(columns[item.start]) for item in columns[i] if item.is_complete)
        spend(len(columns[i]) + len(to_scan) + searched // SEARCHED)
