"""Problems with known answers, and the script of the two models that solve them from their tools' results.

The orchestrator's prompt and the calculators' are JSON, so that the script is a function of the request alone: of
what was asked and of what the tools answered, as with a real model.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from agentloop.testing import RecordedRequest, Reply, calls, says

PARTS = 8
AGENT = "calculator_assistant_agent"
PACE = 0.004
"""Seconds between the events of a reply at most: a run takes about a second."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Eight bills of the form q1 * p1 + q2 * p2 + shipping, and their total."""

    run: str
    bills: tuple[tuple[tuple[str, str], tuple[str, str], str], ...]

    @classmethod
    def make(cls, run: str, rng: random.Random) -> Problem:
        def price() -> str:
            return f"{rng.randrange(1, 10_000) / 100:.2f}"

        def line() -> tuple[str, str]:
            return str(rng.randrange(1, 50)), price()

        return cls(run, tuple((line(), line(), price()) for _ in range(PARTS)))

    @property
    def prompt(self) -> str:
        return json.dumps({"run": self.run, "bills": self.bills})

    @property
    def total(self) -> Fraction:
        """The answer, worked out here."""
        return sum(
            (Fraction(q1) * Fraction(p1) + Fraction(q2) * Fraction(p2) + Fraction(plus))
            for (q1, p1), (q2, p2), plus in self.bills
        ) + Fraction(0)

    def is_answered_by(self, text: str) -> bool:
        return text.startswith("Total: ") and Fraction(text.removeprefix("Total: ").split(";")[0]) == self.total


class Model:
    """The script. `fault` may put another reply in the place of the one that is due."""

    def __init__(
        self, seed: int, *, fault: Callable[[RecordedRequest, Reply], Reply] = lambda _request, reply: reply
    ) -> None:
        self._seed = seed
        self._fault = fault

    def __call__(self, request: RecordedRequest) -> Reply | Awaitable[Reply]:
        task = json.loads(request.prompt)
        turn = sum(message["role"] == "assistant" for message in request.body["messages"])
        reply = _orchestrator(request, task, turn) if "bills" in task else _calculator(request, task, turn)
        rng = random.Random(f"{self._seed} {task['run']} {task.get('part')} {turn}")  # noqa: S311 - seeded, so that a run can be had again
        paced = replace(reply, seconds_per_event=rng.uniform(0, PACE))
        return _later(self._fault(request, paced), rng.uniform(0, 20 * PACE))


async def _later(reply: Reply, seconds: float) -> Reply:
    await asyncio.sleep(seconds)  # a model takes a while before it says anything
    return reply


def _orchestrator(request: RecordedRequest, task: dict[str, Any], turn: int) -> Reply:
    offered = [tool["name"] for tool in request.body["tools"]]
    if turn == 0:
        agents = [name for name in offered if name.endswith(AGENT)]
        asked: list[tuple[str, dict[str, Any]]] = [
            (agents[part % len(agents)], {"prompt": json.dumps({"run": task["run"], "part": part, "bill": bill})})
            for part, bill in enumerate(task["bills"])
        ]
        asked += [(name, {"key": f"{task['run']} {name}"}) for name in ("record", "recall") if name in offered]
        return calls(*asked)
    answered = outcomes(request.body["messages"])
    if turn == 1:
        values = [text.removeprefix("Answer: ") for name, text, is_error in answered if _is_bill(name, text, is_error)]
        if len(values) < PARTS:
            return says(f"No total: {_failed(answered)}")
        return calls((next(name for name in offered if name.endswith("sum_numbers")), {"numbers": values}))
    _, text, is_error = answered[-1]
    return says(f"No total: {text}" if is_error else f"Total: {result(text)}; {_failed(answered)}")


def _is_bill(name: str, text: str, is_error: bool) -> bool:  # noqa: FBT001
    return name.endswith(AGENT) and not is_error and text.startswith("Answer: ")


def _failed(answered: list[tuple[str, str, bool]]) -> str:
    return (
        "; ".join(f"{name} failed: {text[:200]}" for name, text, is_error in answered if is_error) or "nothing failed"
    )


def _calculator(request: RecordedRequest, task: dict[str, Any], turn: int) -> Reply:
    first, second, plus = task["bill"]
    if turn == 0:
        return calls(("multiply_numbers", {"numbers": first}), ("multiply_numbers", {"numbers": second}))
    answered = outcomes(request.body["messages"])
    if any(is_error for _, _, is_error in answered):
        return says("No answer")
    values = [result(text) for _, text, _ in answered]
    return calls(("sum_numbers", {"numbers": [*values, plus]})) if turn == 1 else says(f"Answer: {values[-1]}")


def result(text: str) -> str:
    return str(json.loads(text)["result"])


def outcomes(messages: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """The tool calls of a conversation in asking order: name, what was answered, whether it is an error."""
    names = {block["id"]: block["name"] for block in _blocks(messages, "tool_use")}
    return [
        (
            names[block["tool_use_id"]],
            "".join(piece.get("text", "") for piece in block["content"]),
            bool(block.get("is_error")),
        )
        for block in _blocks(messages, "tool_result")
    ]


def answered_once(requests: Iterable[RecordedRequest]) -> bool:
    """Whether in every request each tool_use has exactly one tool_result."""
    for request in requests:
        messages = request.body["messages"]
        asked = Counter(block["id"] for block in _blocks(messages, "tool_use"))
        reported = Counter(block["tool_use_id"] for block in _blocks(messages, "tool_result"))
        if asked != reported or any(number != 1 for number in asked.values()):
            return False
    return True


def _blocks(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    return [block for content in contents for block in content if block["type"] == kind]
