"""What goes wrong between the loop and the Messages API, and who hears of it."""

import asyncio
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic

from agentloop import (
    Agent,
    ApiUnreachable,
    ConfigurationError,
    DeadlineExceeded,
    Limits,
    ModelError,
    RunError,
    StreamBroken,
    Tool,
)
from agentloop.events import Event, TurnRetried
from agentloop.narration import Narrator
from agentloop.testing import Reply, ScriptedMessages, calls, cut, fails, refuses, says
from agentloop.testing.server import Script
from agentloop.testing.wire import sse_event, sse_events

Serve = Callable[[Script], ScriptedMessages]

ANSWER = list(
    sse_events(
        {"id": "m", "model": "m", "content": [{"type": "text", "text": "42"}], "stop_reason": "end_turn", "usage": {}}
    )
)


class Answers:
    """An SDK client whose every request gets the next of these bodies, byte for byte."""

    def __init__(self, *bodies: bytes) -> None:
        self.left = list(bodies)

    def client(self) -> AsyncAnthropic:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        return AsyncAnthropic(api_key="scripted", http_client=http)

    def _answer(self, _request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self.left.pop(0))


def asking(source: Any, **settings: Any) -> Agent:
    return Agent("tester", "Test.", client=source.client, **settings)


def error_event(kind: str) -> bytes:
    return sse_event("error", error={"type": kind, "message": f"scripted {kind}"})


async def test_a_refused_request_says_what_the_api_said_and_is_not_repeated(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(400, "invalid_request_error")])
    with pytest.raises(ModelError, match="answered 400: scripted invalid_request_error") as caught:
        await asking(server).run("go")
    assert not isinstance(caught.value, StreamBroken)
    assert (caught.value.status, caught.value.kind) == (400, "invalid_request_error")
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error"), (500, "api_error")])
async def test_a_passing_failure_before_the_stream_is_tried_again(
    scripted_messages: Serve, status: int, kind: str
) -> None:
    server = scripted_messages([fails(status, kind, retry_after=0.01), says("42")])
    assert (await asking(server).run("go")).answer == "42"
    assert len(server.requests) == 2


async def test_an_api_that_stays_overloaded_is_given_up_in_time(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: fails(529, "overloaded_error", retry_after=0.02))
    with pytest.raises(ModelError, match="529") as caught:
        await asking(server, limits=Limits(attempts=1, overload_timeout=0.2)).run("go")
    assert (caught.value.status, caught.value.kind) == (529, "overloaded_error")
    assert len(server.requests) > 2


@pytest.mark.requirement("bounded-retry-after")
@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error"), (500, "api_error")])
async def test_an_api_that_wants_more_patience_than_there_is_fails_the_run_and_nobody_else(
    scripted_messages: Serve, status: int, kind: str
) -> None:
    server = scripted_messages([fails(status, kind, retry_after=10**9), says("42"), says("43")])
    agent = asking(server)
    async with asyncio.timeout(10):
        with pytest.raises(
            ModelError, match=r"asks to wait 1,000,000,000 s, and this run can wait \d+ s at most"
        ) as caught:
            await agent.run("go")
        assert (caught.value.status, caught.value.kind, caught.value.retry_after) == (status, kind, 10**9)
        assert [(await agent.run("go")).answer for _ in range(2)] == ["42", "43"]


@pytest.mark.requirement("bounded-retry-after")
async def test_a_wait_beyond_the_deadline_is_not_begun(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(429, "rate_limit_error", retry_after=60)])
    async with asyncio.timeout(10):
        with pytest.raises(ModelError, match="asks to wait 60 s"):
            await asking(server, limits=Limits(run_timeout=30)).run("go")


@pytest.mark.requirement("bounded-retry-after")
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-5", "1e999", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_retry_after_that_is_no_time_is_as_none(scripted_messages: Serve, value: str) -> None:
    refused = replace(fails(500, "api_error"), headers={"retry-after": value})
    async with asyncio.timeout(10):
        assert (await asking(scripted_messages([refused, says("42")])).run("go")).answer == "42"


async def test_a_retry_says_which_attempt_failed_why_and_when_the_next_is(
    scripted_messages: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    received: list[Event] = []
    server = scripted_messages(
        [
            fails(529, "overloaded_error", retry_after=0.2),
            fails(429, "rate_limit_error", retry_after=0.01),
            fails(503, "api_error", retry_after=0.1),
            cut(says("4"), after=3),
            says("42"),
        ]
    )
    await asking(server).run("go", on_event=received.append)
    retried = [event for event in received if isinstance(event, TurnRetried)]
    assert [(event.attempt, event.reason) for event in retried] == [
        (1, "overloaded"),
        (2, "rate limited"),
        (3, "status 503"),
        (4, "answer cut off"),
    ]
    assert 0.15 < retried[0].next_try_in < 0.25
    assert retried[2].next_try_in == 0.1
    line = Narrator().describe(replace(retried[0], next_try_in=8.2, attempt=3))
    assert (
        line
        == "tester: attempt 3, overloaded, next try in 8 s: The Messages API answered 529: scripted overloaded_error"
    )
    assert caplog.text == ""


async def test_a_failure_that_does_not_pass_is_given_up_after_the_last_attempt(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: fails(500, "api_error", retry_after=0.01))
    with pytest.raises(ModelError, match="500") as caught:
        await asking(server).run("go")
    assert (caught.value.status, caught.value.kind) == (500, "api_error")
    assert len(server.requests) == Limits().attempts
    assert caught.value.usage is not None
    assert caught.value.usage.requests == Limits().attempts


async def test_an_api_that_cannot_be_reached_is_a_model_error() -> None:
    nobody = Agent(
        "tester",
        "Test.",
        client=lambda: AsyncAnthropic(base_url="http://127.0.0.1:9", api_key="scripted", max_retries=0),
    )
    with pytest.raises(ApiUnreachable, match=r"^Cannot reach 127\.0\.0\.1:9: connection refused\.$") as caught:
        await nobody.run("go")
    assert caught.value.status is None


async def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ANTHROPIC_BASE_URL")  # a server that is named needs no key
    with pytest.raises(ConfigurationError, match="set ANTHROPIC_API_KEY"):
        await Agent("tester", "Test.").run("go")


async def test_wrong_credentials_are_a_model_error(scripted_messages: Serve) -> None:
    server = scripted_messages([fails(401, "authentication_error")])
    with pytest.raises(ModelError, match="401"):
        await asking(server).run("go")


async def test_an_error_event_that_will_not_pass_is_not_asked_again() -> None:
    answers = Answers(b"".join(ANSWER[:3]) + error_event("invalid_request_error"), b"".join(ANSWER))
    with pytest.raises(ModelError, match="scripted invalid_request_error") as caught:
        await asking(answers).run("go")
    assert not isinstance(caught.value, StreamBroken)
    assert len(answers.left) == 1


@pytest.mark.parametrize(
    "body",
    [
        error_event("overloaded_error"),
        b"".join(ANSWER[:3]) + error_event("api_error"),
        b"",
        b"event: message_start\ndata: {broken\n\n",
        b"".join(ANSWER[:1]) + b'event: content_block_stop\ndata: {"type": "content_block_stop", "index": 9}\n\n',
        json.dumps({"type": "message", "content": [{"type": "text", "text": "42"}]}).encode(),
    ],
    ids=["error_first", "error_later", "nothing", "no_json", "nonsense", "not_a_stream"],
)
async def test_an_answer_that_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    answers = Answers(body, b"".join(ANSWER))
    assert (await asking(answers).run("go")).answer == "42"
    assert answers.left == []


async def test_events_nobody_knows_yet_are_ignored() -> None:
    news = [
        sse_event("event_of_tomorrow", index=0),
        b"event: x\ndata: [1]\n\n",
        b"event: y\ndata:\n\n",
        b": comment\n\n",
    ]
    answers = Answers(b"".join(part for event in ANSWER for part in (event, *news)))
    assert (await asking(answers).run("go")).answer == "42"


async def test_every_broken_stream_is_announced_and_paid_for(scripted_messages: Serve) -> None:
    received: list[Event] = []
    server = scripted_messages([cut(says("4"), after=3), cut(says("4"), after=3, by="error"), says("42")])
    result = await asking(server).run("go", on_event=received.append)
    retried = [event for event in received if isinstance(event, TurnRetried)]
    assert [event.number for event in retried] == [1, 1]
    assert "scripted overload" in retried[1].error
    (spent,) = result.usage.by_model.values()
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (3, 30, 1 + 1 + 20)


async def test_a_failure_in_a_later_turn_keeps_what_was_said_and_can_be_continued(scripted_messages: Serve) -> None:
    ran: list[int] = []

    def note(number: int) -> str:
        ran.append(number)
        return "noted"

    server = scripted_messages([calls(("note", {"number": 1})), fails(400, "invalid_request_error"), says("done")])
    one = asking(server, tools=[Tool.from_function(note)])
    with pytest.raises(ModelError) as caught:
        await one.run("go")
    assert caught.value.conversation is not None
    assert caught.value.usage is not None
    assert caught.value.usage.requests == 2
    assert (await one.run(caught.value.conversation)).answer == "done"
    assert ran == [1]
    assert server.requests[2].body["messages"] == server.requests[1].body["messages"]


async def test_the_attempts_for_a_broken_stream_are_a_limit(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _: cut(says("4"), after=2, by="reset"))
    with pytest.raises(StreamBroken, match="cut off") as caught:
        await asking(server, limits=Limits(attempts=3)).run("go")
    assert len(server.requests) == 3
    assert caught.value.usage is not None
    assert caught.value.usage.requests == 3


@pytest.mark.parametrize(
    "reply", [fails(400, "invalid_request_error"), refuses("no"), says("x", stop_reason="max_tokens")]
)
async def test_an_error_of_a_run_goes_through_pickle(scripted_messages: Serve, reply: Reply) -> None:
    with pytest.raises(RunError) as caught:
        await Agent("tester", "Test.", client=scripted_messages([reply, reply]).client).run("go")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (type(again), str(again), again.usage) == (type(caught.value), str(caught.value), caught.value.usage)


async def test_a_deadline_that_passes_while_the_api_refuses_says_what_the_api_said(scripted_messages: Serve) -> None:
    server = scripted_messages(lambda _request: fails(529, "overloaded_error"))
    with pytest.raises(DeadlineExceeded, match=r"ran out of time.* last request failed: .*529: scripted overloaded"):
        await Agent("tester", "Test.", client=server.client).run("go", deadline=0.4)


@pytest.mark.slow
async def test_a_failure_that_has_passed_is_not_the_reason_of_a_deadline(scripted_messages: Serve) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    server = scripted_messages([fails(529, "overloaded_error"), calls(("hang", {}))])
    tools = [Tool.from_function(hang)]
    with pytest.raises(DeadlineExceeded, match=r"ran out of time before it had an answer\.$"):
        await Agent("tester", "Test.", tools, client=server.client).run("go", deadline=2)
