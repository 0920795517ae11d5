"""Whatever streams come, whole or cut, every call that counts is answered once and nothing else is."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentloop import Agent, Conversation, Limits, RunError, Tool, ToolError
from agentloop.messages import Message
from agentloop.testing.checks import check_request
from agentloop.testing.wire import sse_event, sse_events

HEADERS = {"authorization": "Bearer x", "anthropic-version": "2026-10-21"}

ARGUMENTS = st.sampled_from(
    ['{"how": "fine"}', '{"how": "fails"}', '{"how": "slow"}', '{"how": 3}', '{"how": "cut', "[]", ""]
)
STOPS = st.sampled_from(["tool_use"] * 5 + ["end_turn", "max_tokens", "refusal", "pause_turn", "stop_sequence", "new"])
CUTS = st.one_of(st.none(), st.none(), st.tuples(st.integers(0, 40), st.sampled_from(["eof", "overloaded", "invalid"])))


@dataclass(frozen=True)
class Said:
    """A reply of the model: texts and calls in any order, why it stopped, and where the stream was cut."""

    blocks: tuple[tuple[str, str], ...]
    stop: str
    cut: tuple[int, str] | None

    def events(self, number: int) -> list[bytes]:
        content: list[dict[str, Any]] = []
        for index, (kind, text) in enumerate(self.blocks):
            if kind == "text":
                content.append({"type": "text", "text": text})
            else:
                call = {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": kind, "input": {}, "_raw": text}
                content.append(call)
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "m", "model": "m", "content": content, "stop_reason": self.stop, "usage": usage}
        events = list(sse_events(message))
        if self.cut is None or self.cut[0] >= len(events):
            return events
        kinds = {"overloaded": "overloaded_error", "invalid": "invalid_request_error"}
        error = [sse_event("error", error={"type": kinds[self.cut[1]], "message": ""})] if self.cut[1] in kinds else []
        return [*events[: self.cut[0]], *error]


BLOCKS = st.one_of(
    st.tuples(st.just("text"), st.sampled_from(["hello", " ", "42"])),
    st.tuples(st.sampled_from(["harmless", "harmful", "unknown"]), ARGUMENTS),
)
REPLIES = st.lists(st.builds(Said, st.lists(BLOCKS, max_size=5).map(tuple), STOPS, CUTS), min_size=1, max_size=6)


class Body(httpx2.AsyncByteStream):
    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            await asyncio.sleep(0)
            yield event


class Model(httpx2.AsyncBaseTransport):
    """Answers with the replies in turn, then with an end. Refuses what the API would refuse."""

    def __init__(self, replies: list[Said]) -> None:
        self._replies = list(replies)
        self.histories: list[list[Message]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(await request.aread())
        check_request(body, HEADERS)
        self.histories.append(body["messages"])
        said = self._replies.pop(0) if self._replies else Said((("text", "the end"),), "end_turn", None)
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Body(said.events(len(self.histories))), request=request)


async def work(how: str) -> str:
    if how == "fails":
        raise ToolError("it failed")
    for _ in range(20 if how == "slow" else 1):
        await asyncio.sleep(0)
    return how


def tools() -> list[Tool]:
    return [
        Tool.from_function(work, name="harmless", read_only=True),
        Tool.from_function(work, name="harmful"),
    ]


@pytest.mark.requirement("one-result-per-call")
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(replies=REPLIES, early_tool_calls=st.booleans())
def test_every_call_that_counts_is_answered_once_and_no_other(replies: list[Said], *, early_tool_calls: bool) -> None:
    model = Model(replies)

    def client() -> AsyncAnthropic:
        return AsyncAnthropic(api_key="x", base_url="http://m.invalid", http_client=httpx2.AsyncClient(transport=model))

    agent = Agent(
        "a", "a", tools(), client=client, early_tool_calls=early_tool_calls, limits=Limits(max_turns=8, attempts=3)
    )

    async def run() -> list[Message]:
        before = asyncio.all_tasks()
        try:
            conversation = (await agent.run("go")).conversation
        except RunError as error:
            conversation = error.conversation or Conversation()
        assert asyncio.all_tasks() == before, "a task was left behind"
        return list(conversation.messages)

    history = asyncio.run(run())
    blocks = [block for message in history for block in message["content"]]
    asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert answered == asked
    assert set(Counter(asked).values()) <= {1}
    for shorter, longer in zip(model.histories, [*model.histories[1:], history], strict=True):
        assert longer[: len(shorter)] == shorter, "the history is append-only"
