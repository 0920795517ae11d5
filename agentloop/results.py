"""The result of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentloop.messages import Block, Conversation
from agentloop.usage import Bill, Usage


@dataclass(frozen=True, slots=True)
class Step:
    """A tool call and its outcome.

    Example:
        for step in result.steps:
            print(step.tool, step.arguments, step.result)
    """

    tool: str
    arguments: Mapping[str, Any]
    result: str
    is_error: bool

    def to_json(self) -> dict[str, Any]:
        return {"tool": self.tool, "arguments": self.arguments, "result": self.result, "is_error": self.is_error}


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run. `steps` are its own tool calls, in the order in which the model requested them.

    `output` is the answer as a value of the agent's `output_type`: an instance of the model, or the JSON object. It is
    None if the agent has no output type. `attachments` are the images and documents that tools returned in the run, in
    order, as blocks of the Messages API.

    Example:
        result = await agent.run("Two haikus about rain")
        print(result.answer, result.usage.usd, len(result.steps))
    """

    answer: str
    conversation: Conversation
    bill: Bill
    steps: tuple[Step, ...]
    output: Any = None
    attachments: tuple[Block, ...] = ()

    @property
    def usage(self) -> Usage:
        """The usage of the run, including delegated runs."""
        return self.bill.total
