"""The grammars are compiled ahead of time: a turn must not wait for it, also the first one of a process."""

import sys
from importlib.resources import files

import pytest

from offline_model.compiling import compiled, grammars, written
from offline_model.tables import Grammar
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


@pytest.mark.requirement("offline-turn-time")
@pytest.mark.parametrize("grammar", grammars(), ids=lambda grammar: grammar.path)
def test_the_compiled_grammars_in_the_package_are_those_of_its_grammar_files(grammar: Grammar) -> None:
    shipped = files("offline_model").joinpath(grammar.document_path).read_text(encoding="utf-8")
    assert shipped == written(compiled(grammar)), "make grammars"


@pytest.mark.requirement("offline-turn-time")
async def test_no_turn_of_a_process_compiles_a_grammar() -> None:
    end = await run(sys.executable, "-c", FIRST_TURNS)
    assert (end.code, end.out.split()) == (0, []), end.err  # offline_model.compiling would be loaded for it
