"""The grammars are compiled ahead of time: a turn must not wait for it, also the first one of a process."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from itertools import product
from typing import Any

import pytest
from lark import Lark, Token
from lark.grammar import Rule
from lark.lexer import Lexer

from offline_model.compiling import compiled, grammars, written
from offline_model.effort import bounded
from offline_model.grammar import GRAMMAR
from offline_model.lexing import lexemes
from offline_model.parsing import Lexemes
from offline_model.stories.foresight import Foresight
from offline_model.stories.forest import meanings
from offline_model.stories.meaning import GRAMMAR as STORY
from offline_model.stories.words import story_vocabulary
from offline_model.tables import Grammar, Tables
from tests.processes import run

FIRST_TURNS = """
import json, sys
from offline_model.service import respond
before = set(sys.modules)
for question in (
    "3 shirts at $12.50 each",
    "2 + 3 * 4",
    "3x + 4 = 10",
    "Sam has 12 apples. He eats 5. How many apples does he have?",
    "What is the capital of France?",
):
    tools = [{"name": "sum_numbers", "input_schema": {"type": "object"}}]
    body = {"model": "any", "max_tokens": 9, "tools": tools, "messages": [{"role": "user", "content": question}]}
    headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
    assert respond("POST", "/v1/messages", headers, json.dumps(body).encode()).status == 200
print(*(name for name in set(sys.modules) - before if name.startswith(("lark", "offline_model"))))
"""


AMBIGUOUS = [
    "He gives 3 boxes of 4 pencils to Ann and 2 to Bob on Monday",
    "How many plants walks in 2 years",
    "a red hat costs half as much as a tie on Monday",
    "How many drinks charges $2 prints drinks charges $2",
]


class Ready(Lexer):
    """Lark's own way to be handed lexemes."""

    def __init__(self, _conf: Any) -> None:
        pass

    def lex(self, *taken: Any) -> Iterator[Token]:
        return Lexemes(taken[0]).lex(None)


@pytest.fixture(scope="module")
def plain() -> Lark:
    return Lark(
        STORY.source,
        parser="earley",
        lexer=Ready,
        start="sentence",
        ambiguity="explicit",
        maybe_placeholders=False,
    )


def shaped(rule: Rule, children: list[Any]) -> tuple[Any, ...]:
    return (rule.alias or rule.origin.name, *children)


def written_out(tree: Any) -> list[Any]:
    """Every parse, of a tree of lark's that holds them all."""
    if isinstance(tree, Token):
        return [tree]
    if tree.data == "_ambig":
        return [parse for child in tree.children for parse in written_out(child)]
    return [(str(tree.data), *parse) for parse in product(*map(written_out, tree.children))]


@pytest.mark.requirement("offline-turn-time")
@pytest.mark.parametrize("grammar", grammars(), ids=lambda grammar: grammar.path)
def test_the_compiled_grammars_in_the_package_are_those_of_its_grammar_files(grammar: Grammar) -> None:
    shipped = files("offline_model").joinpath(grammar.document_path).read_text(encoding="utf-8")
    assert shipped == written(compiled(grammar)), "make grammars"


@pytest.mark.requirement("offline-turn-time")
def test_a_grammar_that_has_changed_is_compiled_when_it_is_loaded() -> None:
    changed = replace(GRAMMAR, terminals=GRAMMAR.terminals | {"ANOTHER"})
    assert Tables.load(changed).document == compiled(changed) != Tables.load(GRAMMAR).document


@pytest.mark.requirement("offline-stories")
@pytest.mark.parametrize("sentence", AMBIGUOUS)
def test_a_sentence_has_the_parses_that_lark_finds_without_our_short_cuts(sentence: str, plain: Lark) -> None:
    found = lexemes(sentence, story_vocabulary())
    with bounded():
        forest = Foresight(Tables.load(STORY), *STORY.starts).parse(found)
        assert {*meanings(forest, shaped)} == {*written_out(plain.parse(found))}


@pytest.mark.requirement("offline-turn-time")
async def test_no_turn_of_a_process_compiles_a_grammar() -> None:
    end = await run(sys.executable, "-c", FIRST_TURNS)
    assert (end.code, end.out.split()) == (0, []), end.err  # offline_model.compiling would be loaded for it
