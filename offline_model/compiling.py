"""Compiles the grammars: `python -m offline_model.compiling` writes what `offline_model.tables` loads.

A compiled grammar is a JSON object. `source`: the digest of the grammar and its terminals. `rules`, in BNF: origin,
expansion, alias, flag ("!" keeps all tokens, "?" gives way to an only child), order. For LALR(1) `states`, where a
number is the state to shift to and the complement of one is the rule to reduce by, `starts` and `ends` by start rule.
For Earley `first`, the terminals each nonterminal may begin with, and `nullable`.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
from lark import Lark, Token
from lark.grammar import Rule
from lark.lexer import Lexer
from lark.parsers.earley import Parser
from lark.parsers.lalr_analysis import IntParseTable, Shift

from offline_model.tables import Document, Grammar, digest


class _NoLexer(Lexer):
    """The terminals are only declared: the lexemes are made elsewhere."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, *_: Any) -> Iterator[Token]:
        raise NotImplementedError


def compiled(grammar: Grammar) -> Document:
    """Raises lark's GrammarError if a construction of an LALR(1) grammar has two readings."""
    settings: Mapping[str, Any] = (
        {"parser": "earley", "ambiguity": "explicit"} if grammar.ambiguous else {"parser": "lalr", "strict": True}
    )
    made = Lark(grammar.source, lexer=_NoLexer, start=list(grammar.starts), maybe_placeholders=False, **settings)
    analysed = _earley(made.parser.parser) if grammar.ambiguous else _lalr(made.parser.parser._parse_table, made.rules)  # noqa: SLF001
    return {"source": digest(grammar.source), "rules": [_rule(rule) for rule in made.rules], **analysed}


def written(document: Document) -> str:
    """As JSON, one rule or state a line, so that a change can be read."""
    lines = [f"{json.dumps(key)}: {_lines(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()) + "\n}"


def _rule(rule: Rule) -> list[Any]:
    flag = "!" if rule.options.keep_all_tokens else "?" if rule.options.expand1 else ""
    expansion = " ".join(symbol.name for symbol in rule.expansion)
    return [str(rule.origin.name), expansion, rule.alias or "", flag, rule.order]


def _earley(parser: Parser) -> Document:
    first = {
        str(symbol.name): " ".join(sorted(each.name for each in names))
        for symbol, names in parser.FIRST.items()
        if not symbol.is_term and not symbol.name.startswith("$")
    }
    return {
        "first": dict(sorted(first.items())),
        "nullable": sorted(str(symbol.name) for symbol in parser.NULLABLE),
    }


def _lalr(table: IntParseTable, rules: list[Rule]) -> Document:
    """Lark numbers the states as sets of strings happen to be ordered; here they are numbered from the starts."""
    numbers: dict[int, int] = {}
    waiting = [table.start_states[start] for start in sorted(table.start_states)]
    for state in waiting:
        if state not in numbers:
            numbers[state] = len(numbers)
            waiting += [arg for _, (action, arg) in sorted(table.states[state].items()) if action is Shift]
    places = {rule: place for place, rule in enumerate(rules)}
    states = [
        {
            name: numbers[arg] if action is Shift else ~places[arg]
            for name, (action, arg) in sorted(table.states[state].items())
        }
        for state in numbers
    ]
    return {
        "states": states,
        "starts": {start: numbers[state] for start, state in sorted(table.start_states.items())},
        "ends": {start: numbers[state] for start, state in sorted(table.end_states.items())},
    }


def grammars() -> list[Grammar]:
    from offline_model import arithmetic, grammar  # noqa: PLC0415 - they load what is written here
    from offline_model.stories import meaning  # noqa: PLC0415

    return [grammar.GRAMMAR, arithmetic.GRAMMAR, meaning.GRAMMAR]


@click.command()
def main() -> None:
    """Compile the grammars of the offline model anew."""
    for grammar in grammars():
        path = Path(str(files("offline_model").joinpath(grammar.document_path)))
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(compiled(grammar)), encoding="utf-8")
        click.echo(path)


if __name__ == "__main__":
    main()
