"""A small loop that plays the client: real SDK, real streaming, math tools answered with exact fractions."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message

from agentloop.errors import ToolError
from agentloop.testing.in_process import answer_transport
from mcp_calc_server import arithmetic
from offline_model import MODEL
from offline_model.answering import answer as answer_of_the_model


def _tool(name: str, *properties: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {each: {} for each in properties}, "required": list(properties)}
    return {"name": name, "description": name, "input_schema": schema}


MATH = [
    _tool("sum_numbers", "numbers"),
    _tool("subtract_numbers", "a", "b"),
    _tool("multiply_numbers", "numbers"),
    _tool("divide_numbers", "a", "b"),
    _tool("power", "base", "exponent"),
    _tool("square_root", "x"),
]
AGENT = _tool("calculator_assistant_agent", "prompt")
AGENT["input_schema"]["properties"]["prompt"] = {"type": "string"}


@dataclass
class Run:
    """What a conversation came to: the tools asked for in each turn, and the last message."""

    turns: list[list[dict[str, Any]]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    last: Message | None = None

    @property
    def text(self) -> str:
        assert self.last is not None
        return "".join(block.text for block in self.last.content if block.type == "text")

    @property
    def answer(self) -> str:
        label, _, answer = self.text.splitlines()[-1].partition(": ")
        assert label in {"Answer", "Total"}, self.text
        return answer

    @property
    def declined(self) -> bool:
        assert self.last is not None
        return self.last.stop_reason == "refusal"

    @property
    def names(self) -> list[list[str]]:
        return [[call["name"] for call in turn] for turn in self.turns]


Tool = Callable[[str, Mapping[str, Any]], Awaitable[tuple[str, bool]]]
"""(name, input) -> (text of the result, is_error)."""


async def math(name: str, given: Mapping[str, Any]) -> tuple[str, bool]:
    """What the calculator's functions answer."""
    for value in given.get("numbers", given.values()):
        assert isinstance(value, int | str)
    try:
        return getattr(arithmetic, name)(**given).model_dump_json(exclude_none=True), False
    except ToolError as error:
        return str(error), True


async def converse(
    client: AsyncAnthropic,
    question: str,
    *,
    tools: Sequence[Mapping[str, Any]] = MATH,
    tool: Tool = math,
    stream: bool = True,
    history: Sequence[Mapping[str, Any]] = (),
    **settings: Any,
) -> Run:
    run = Run(messages=[*map(dict, history), {"role": "user", "content": question}])
    for _ in range(20):
        request: dict[str, Any] = {"model": "any", "max_tokens": 1000, "messages": run.messages, "tools": list(tools)}
        request |= settings
        if stream:
            async with client.messages.stream(**request) as events:
                message = await events.get_final_message()
        else:
            message = await client.messages.create(**request)
        assert message.model == MODEL
        run.ids.append(message.id)
        calls = [block for block in message.content if block.type == "tool_use"]
        run.messages.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
        if message.stop_reason != "tool_use":
            run.last = message
            return run
        run.turns.append([{"name": call.name, "input": call.input} for call in calls])
        results = []
        for call in calls:
            assert isinstance(call.input, dict)
            text, failed = await tool(call.name, call.input)
            results.append({"type": "tool_result", "tool_use_id": call.id, "content": text, "is_error": failed})
        run.messages.append({"role": "user", "content": results})
    raise AssertionError("no end after 20 turns")


def client_of_offline_model() -> AsyncAnthropic:
    return AsyncAnthropic(
        api_key="offline",
        base_url="http://offline.invalid",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=answer_transport(answer_of_the_model)),
    )


class Calculators:
    """Calculator agents that are the offline model again, behind the agent tool."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self.client = client
        self.prompts: list[str] = []

    async def __call__(self, name: str, given: Mapping[str, Any]) -> tuple[str, bool]:
        assert name == AGENT["name"]
        self.prompts.append(given["prompt"])
        run = await converse(self.client, given["prompt"])
        return run.text, run.declined


class Kit:
    """What the tests need from this file: test modules cannot import one another."""

    math_tools = MATH
    agent_tool = AGENT
    make_client = staticmethod(client_of_offline_model)
    converse = staticmethod(converse)
    math = staticmethod(math)
    Calculators = Calculators


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
async def client() -> AsyncIterator[AsyncAnthropic]:
    async with client_of_offline_model() as made:
        yield made
