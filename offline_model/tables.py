"""Grammars compiled ahead of time: lark takes 0.1 s to compile one of ours, and what it made is loaded in 5 ms."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from lark.grammar import NonTerminal, Rule, RuleOptions, Symbol, Terminal

Document = Mapping[str, Any]
"""What is kept of a compiled grammar: see `offline_model.compiling`."""


@dataclass(frozen=True)
class Grammar:
    """A grammar file of the package."""

    path: str
    starts: tuple[str, ...]
    terminals: frozenset[str]
    ambiguous: bool = False
    """Parsed with Earley, which gives every parse, and not with LALR(1)."""

    @property
    def source(self) -> str:
        text = files("offline_model").joinpath(self.path).read_text(encoding="utf-8")
        return f"{text}\n%declare {' '.join(sorted(self.terminals))}\n"

    @property
    def document_path(self) -> str:
        return f"compiled/{PurePosixPath(self.path).stem}.json"


def digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


class Tables:
    """A compiled grammar as lark's parsers take it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._names: dict[str, Symbol] = {}
        self.rules = [self._rule(*fields) for fields in document["rules"]]

    @classmethod
    def load(cls, grammar: Grammar) -> "Tables":
        """Those in the package, or, while somebody works on the grammar and they are out of date, compiled now."""
        source = grammar.source
        document = json.loads(files("offline_model").joinpath(grammar.document_path).read_bytes())
        if document["source"] != digest(source):
            from offline_model.compiling import compiled  # noqa: PLC0415 - takes 0.1 s, and is not to be needed

            document = compiled(grammar)
        return cls(document)

    @property
    def symbols(self) -> frozenset[Symbol]:
        return frozenset(self._names.values())

    def named(self, names: Iterable[str]) -> list[Symbol]:
        return [self._symbol(name) for name in names]

    def _symbol(self, name: str) -> Symbol:
        if name not in self._names:
            self._names[name] = _Terminal(name) if name.isupper() else _NonTerminal(name)
        return self._names[name]

    def _rule(self, origin: str, expansion: str, alias: str, flag: str, order: int) -> Rule:
        options = RuleOptions(keep_all_tokens=flag == "!", expand1=flag == "?")
        start: Any = self._symbol(origin)
        return _Rule(start, self.named(expansion.split()), order, alias or None, options)


# Lark compares symbols and rules by name, which is half of an Earley parser's time. Here is one object for each, so
# it is enough to compare those.
class _Terminal(Terminal):
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__


class _NonTerminal(NonTerminal):
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__


class _Rule(Rule):
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__
