"""Scores the reader on its corpus: `python -m offline_model.score` prints the table.

Each problem goes through the real roles, orchestrator and calculators, whose tools are exact fractions here.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from math import prod
from typing import Any, TypeAlias

import click

from offline_model.answering import answer
from offline_model.number_words import decimal
from offline_model.value import square_root

HALVES = ("developed", "held out")
_MATH = ("sum_numbers", "subtract_numbers", "multiply_numbers", "divide_numbers", "power", "square_root")
_CALCULATOR = [{"name": name, "input_schema": {"type": "object"}} for name in _MATH]
_AGENT = {
    "name": "calculator_assistant_agent",
    "input_schema": {"properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
}
_TURNS = 60

Model: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The body of a request to the Messages API -> its message."""


@dataclass(frozen=True)
class Entry:
    id: str
    half: str
    problem: str
    answer: str
    check: str
    """A calculation of the answer that owes nothing to the reader; the tests evaluate it."""


@dataclass(frozen=True)
class Verdict:
    entry: Entry
    said: str
    """The final text."""
    declined: bool
    right: bool

    @property
    def wrong(self) -> bool:
        return not (self.declined or self.right)


def corpus() -> list[Entry]:
    return [Entry(**each) for each in _lines("problems.jsonl")]


def out_of_scope() -> list[Entry]:
    return [Entry(each["id"], each["why"], each["problem"], "", "") for each in _lines("out_of_scope.jsonl")]


def verdict(entry: Entry) -> Verdict:
    said, declined = converse(entry.problem, [_AGENT])
    return Verdict(entry, said, declined, not declined and final(said) == entry.answer)


def final(said: str) -> str:
    """What the last line of an answer says after its label."""
    return said.splitlines()[-1].partition(": ")[2]


def converse(
    question: str,
    tools: Sequence[Mapping[str, Any]] = _CALCULATOR,
    model: Model = answer,
) -> tuple[str, bool]:
    """The final text of a conversation whose tools are answered here, and whether it is a decline."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    for _ in range(_TURNS):
        message = model({"messages": messages, "tools": tools})
        if message["stop_reason"] != "tool_use":
            return message["content"][0]["text"], message["stop_reason"] == "refusal"
        results = [_result(block, model) for block in message["content"]]
        messages += [{"role": "assistant", "content": message["content"]}, {"role": "user", "content": results}]
    raise AssertionError("no end")


def _result(block: Mapping[str, Any], model: Model) -> dict[str, Any]:
    name, given = block["name"], block["input"]
    if name == _AGENT["name"]:
        text, failed = converse(given["prompt"], model=model)
    else:
        value = _calculated(name, [Fraction(each) for each in given.get("numbers", given.values())])
        text, failed = ("no exact result", True) if value is None else (json.dumps({"result": decimal(value)}), False)
    return {"type": "tool_result", "tool_use_id": block["id"], "content": text, "is_error": failed}


def _calculated(name: str, values: Sequence[Fraction]) -> Fraction | None:
    match name:
        case "sum_numbers":
            return sum(values, Fraction(0))
        case "multiply_numbers":
            return prod(values, start=Fraction(1))
        case "subtract_numbers":
            return values[0] - values[1]
        case "divide_numbers":
            return values[0] / values[1] if values[1] else None
        case "power":
            return Fraction(values[0] ** int(values[1])) if values[1].denominator == 1 else None
        case _:
            return square_root(values[0])


def _lines(name: str) -> Iterator[dict[str, str]]:
    text = files("offline_model").joinpath("corpus", name).read_text(encoding="utf-8")
    return map(json.loads, text.splitlines())


@click.command()
@click.option("--half", type=click.Choice([*HALVES, "out of scope"]), help="Only these.")
@click.option("--list", "listed", type=click.Choice(["wrong", "declined", "right"]), help="Also list these problems.")
def main(half: str | None, listed: str | None) -> None:
    """Score the offline model on the corpus that comes with it."""
    click.echo(f"{'':14}{'problems':>10}{'right':>8}{'declined':>10}{'wrong':>8}")
    for name in [half] if half else [*HALVES, "out of scope"]:
        entries = out_of_scope() if name == "out of scope" else [each for each in corpus() if each.half == name]
        verdicts = [verdict(each) for each in entries]
        right, declined = sum(each.right for each in verdicts), sum(each.declined for each in verdicts)
        wrong = len(verdicts) - right - declined
        click.echo(f"{name:14}{len(verdicts):>10}{right:>8}{declined:>10}{wrong:>8}")
        for each in verdicts:
            if listed and getattr(each, listed):
                click.echo(
                    f"  {each.entry.id} {each.entry.problem!r}\n       {final(each.said)[:150] or each.said[:150]}"
                )


if __name__ == "__main__":
    main()
