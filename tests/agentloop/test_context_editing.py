"""Long runs stay within the window: old tool results are left out beyond a limit, by the API or else here."""

import json
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import pytest

from agentloop import Agent, ContextWindowExceeded, Limits, Tool
from agentloop.context_editing import NOTE, ContextEditor
from agentloop.events import ContextEdited, Event, Notice, fan_out
from agentloop.observers.timeline import Timeline
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says, thinks
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]
BETA = "context-management-2025-06-27"


def page(number: int) -> str:
    return f"Page {number}. " + "All work and no play. " * 200


PAGE = Tool.from_function(page)


def counted(reply: Reply, request: RecordedRequest, **rest: Any) -> Reply:
    """The reply with the usage of a server that counts a token for every four characters."""
    usage = {"input_tokens": len(json.dumps(request.body["messages"])) // 4, "output_tokens": 20}
    return Reply(reply.content, reply.stop_reason, usage=usage, **rest)


def reader(server: ScriptedMessages, limit: int | None) -> Agent:
    return Agent("a", "Read.", [PAGE], client=server.client, limits=Limits(max_context_tokens=limit))


def shown(request: RecordedRequest) -> list[bool]:
    """For each tool result of a request, whether it is there or a note is in its place."""
    blocks = [block for message in request.body["messages"] for block in message["content"]]
    return [block["content"][0]["text"] != NOTE for block in blocks if block["type"] == "tool_result"]


@pytest.mark.requirement("long-runs")
async def test_beyond_the_limit_the_api_is_told_to_clear_old_results_and_says_what_it_cleared(
    scripted_messages: Serve,
) -> None:
    numbers = count()

    def answer(request: RecordedRequest) -> Reply:
        number = next(numbers)
        reply = says("done") if number == 8 else thinks(calls(("page", {"number": number})))
        is_editing = "context_management" in request.body
        return counted(reply, request, cleared=(number - 3, 1000 * (number - 3)) if is_editing else None)

    server, timeline, events = scripted_messages(answer), Timeline(), list[Event]()
    agent = reader(server, 5_000)
    result = await agent.run("go", on_event=fan_out(timeline.on_event, events.append))
    assert result.answer == "done"
    assert server.refusals == []
    editing = ["context_management" in request.body for request in server.requests]
    first = editing.index(True)
    assert 1 < first < 8
    assert all(editing[first:])
    assert [BETA in request.headers.get("anthropic-beta", "") for request in server.requests] == editing
    assert server.requests[first].body["context_management"]["edits"] == [
        {
            "type": "clear_tool_uses_20250919",
            "trigger": {"type": "input_tokens", "value": 5_000},
            "keep": {"type": "tool_uses", "value": 3},
        },
        {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 50_000}},
    ]
    assert all(all(shown(request)) for request in server.requests)
    edited = [(event.results, event.tokens, event.by) for event in events if isinstance(event, ContextEdited)]
    assert edited == [(number - 3, 1000 * (number - 3), "api") for number in range(first, 9)]
    assert len(timeline.roots[0].notices) == len(edited)
    assert f"{edited[-1][0]} old tool results" in timeline.roots[0].notices[-1]


@pytest.mark.requirement("long-runs")
async def test_for_a_server_that_refuses_it_old_results_are_left_out_here(scripted_messages: Serve) -> None:
    numbers = count()
    refusal = Reply(status=400, error={"type": "invalid_request_error", "message": "context_management: unknown"})

    def answer(request: RecordedRequest) -> Reply:
        if "context_management" in request.body:
            return refusal
        number = next(numbers)
        return counted(says("done") if number == 20 else thinks(calls(("page", {"number": number}))), request)

    server, events = scripted_messages(answer), list[Event]()
    result = await reader(server, 8_000).run("go", on_event=events.append)
    assert result.answer == "done"
    assert server.refusals == []
    asked = [request.body["context_management"] for request in server.requests if "context_management" in request.body]
    assert [len(each["edits"]) for each in asked] == [2, 1], "once for each feature of the API"
    sent = [request for request in server.requests if "context_management" not in request.body]
    assert len(sent) == 21
    assert all(request.reported["input_tokens"] < 8_000 for request in sent)
    assert all(all(shown(request)[-3:]) for request in sent)
    edited = [event for event in events if isinstance(event, ContextEdited)]
    assert 1 < len(edited) < 8
    assert all(event.by == "local" and event.tokens > 500 * event.results for event in edited)
    unchanged = [
        after.body["messages"][: len(before.body["messages"])] == before.body["messages"]
        for before, after in pairwise(sent)
    ]
    assert unchanged.count(False) == len(edited)
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert "refuses context_management" in notice
    assert NOTE not in json.dumps(result.conversation.messages)
    assert len(json.dumps(result.conversation.messages)) > 20 * len(page(1))


def summarizing(reply: Reply) -> Reply:
    """The reply after a summary, which took a request of 60,000 tokens whose usage the API gives on its own."""
    part = {"type": "compaction", "input_tokens": 60_000, "output_tokens": 500}
    usage = {"input_tokens": 900, "output_tokens": 20, "iterations": [part, {"type": "message", "input_tokens": 900}]}
    return Reply(
        [{"type": "compaction", "content": "Pages 0 to 2 say nothing."}, *reply.content], "tool_use", usage=usage
    )


@pytest.mark.requirement("long-runs")
async def test_if_that_is_not_enough_the_api_summarizes_and_the_summary_stays_in_the_conversation(
    scripted_messages: Serve,
) -> None:
    def answer(request: RecordedRequest) -> Reply:
        turn = sum(message["role"] == "assistant" for message in request.body["messages"])
        is_first = turn == 3 and "context_management" in request.body
        reply = says("done") if turn >= 5 else calls(("page", {"number": turn}))
        return summarizing(reply) if is_first else counted(reply, request)

    server, timeline, events = scripted_messages(answer), Timeline(), list[Event]()
    result = await reader(server, 2_000).run("go", on_event=fan_out(timeline.on_event, events.append))
    assert (result.answer, server.refusals) == ("done", [])
    later = [request.body["messages"] for request in server.requests if "Pages 0 to 2" in json.dumps(request.body)]
    assert len(later) == 2
    assert later[-1][: len(later[0])] == later[0], "history only grows"
    assert {"type": "compaction", "content": "Pages 0 to 2 say nothing."} in result.conversation.messages[7]["content"]
    assert [(event.results, event.by) for event in events if isinstance(event, ContextEdited)] == [(0, "api")]
    assert timeline.roots[0].notices[-1].endswith("replaced by a summary in the prompt")
    counts = [request.reported["input_tokens"] for request in server.requests]
    assert sum(result.usage.by_model[model].input_tokens for model in result.usage.by_model) == sum(counts) + 60_000
    resumed = Agent("a", "Read.", [PAGE], client=server.client, limits=Limits(max_context_tokens=None))
    assert (await resumed.run(result.conversation.ask("and now?"))).answer == "done"
    assert server.refusals == [], "a summary needs its feature also where no more are made"


async def test_with_a_budget_nothing_is_summarized(scripted_messages: Serve) -> None:
    def answer(request: RecordedRequest) -> Reply:
        turn = sum(message["role"] == "assistant" for message in request.body["messages"])
        return counted(says("done") if turn == 5 else calls(("page", {"number": turn})), request)

    server = scripted_messages(answer)
    agent = Agent("a", "R.", [PAGE], client=server.client, limits=Limits(max_context_tokens=2_000, max_usd=5))
    await agent.run("go")
    edits = [request.body["context_management"]["edits"] for request in server.requests[2:]]
    assert {len(each) for each in edits} == {1}


async def test_a_server_that_only_clears_results_is_asked_for_a_summary_once(scripted_messages: Serve) -> None:
    refusal = Reply(status=400, error={"type": "invalid_request_error", "message": "compact_20260112: unknown"})

    def answer(request: RecordedRequest) -> Reply:
        if "compact_20260112" in json.dumps(request.body):
            return refusal
        turn = sum(message["role"] == "assistant" for message in request.body["messages"])
        return counted(says("done") if turn == 5 else calls(("page", {"number": turn})), request)

    server, events = scripted_messages(answer), list[Event]()
    assert (await reader(server, 2_000).run("go", on_event=events.append)).answer == "done"
    edits = [r.body["context_management"]["edits"] for r in server.requests if "context_management" in r.body]
    assert [len(each) for each in edits] == [2, 1, 1, 1, 1][: len(edits)]
    assert len(edits) > 2
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert "makes no summaries" in notice


@pytest.mark.requirement("long-runs")
async def test_a_turn_for_which_the_window_is_full_is_tried_again_without_old_results(scripted_messages: Serve) -> None:
    numbers = count()

    def answer(request: RecordedRequest) -> Reply:
        if sum(shown(request)) > 5:
            return says("Page", stop_reason="model_context_window_exceeded")
        number = next(numbers)
        return says("done") if number == 10 else thinks(calls(("page", {"number": number})))

    server, events = scripted_messages(answer), list[Event]()
    result = await reader(server, None).run("go", on_event=events.append)
    assert (result.answer, server.refusals) == ("done", [])
    assert [event.results for event in events if isinstance(event, ContextEdited)] == [3, 6]
    full = scripted_messages([calls(("page", {"number": 0})), says("", stop_reason="model_context_window_exceeded")])
    with pytest.raises(ContextWindowExceeded):
        await reader(full, None).run("go")


@pytest.mark.requirement("long-runs")
async def test_results_that_the_model_has_not_read_yet_are_kept(scripted_messages: Serve) -> None:
    server = scripted_messages(
        [calls(("page", {"number": 0})), calls(*[("page", {"number": number}) for number in range(9)]), says("done")]
    )
    await reader(server, 3_000).run("go")
    assert server.requests[2].body["context_management"]["edits"][0]["keep"]["value"] == 9


@pytest.mark.requirement("long-runs")
@pytest.mark.parametrize("limit", [None, Limits().max_context_tokens])
async def test_short_runs_are_sent_as_they_are(limit: int | None, scripted_messages: Serve) -> None:
    server = scripted_messages([calls(*[("page", {"number": number}) for number in range(30)]), says("done")])
    await reader(server, limit).run("go")
    assert all("context_management" not in request.body for request in server.requests)
    assert all("anthropic-beta" not in request.headers for request in server.requests)


def test_thinking_goes_with_the_results_before_it_and_text_messages_stay() -> None:
    def use(number: int) -> dict[str, Any]:
        thought = {"type": "thinking", "thinking": "", "signature": f"s{number}"}
        return {"role": "assistant", "content": [thought, {"type": "tool_use", "id": f"t{number}", "name": "page"}]}

    def result(number: int) -> dict[str, Any]:
        block = {"type": "tool_result", "tool_use_id": f"t{number}", "content": page}
        return {"role": "user", "content": [block]}

    page = [{"type": "text", "text": "long " * 95}]
    before = [{"role": role, "content": [{"type": "text", "text": "go"}]} for role in ("user", "assistant")]
    messages = [*before, *(each for number in range(5) for each in (use(number), result(number)))]
    editor = ContextEditor(10)
    assert editor.edited(messages) == tuple(messages)
    assert editor.clear(messages) == (2, 2 * len(str(page)) // 4)
    assert editor.clear(messages) is None
    later = [*messages, use(5), result(5)]
    edited = editor.edited(later)
    assert list(edited[:3]) == later[:3]
    assert [len(message["content"]) for message in edited[2::2]] == [2, 1, 1, 1, 1, 2]
    assert edited[3]["content"][0]["content"][0]["text"] == NOTE
    assert [edited[n]["content"][0]["content"] for n in (7, 9, 11, 13)] == [page] * 4


async def test_a_request_that_is_refused_for_something_else_fails_with_that(scripted_messages: Serve) -> None:
    wrong = Reply(status=400, error={"type": "invalid_request_error", "message": "credit balance is too low"})
    replies = iter([calls(("page", {"number": 0}))])
    server = scripted_messages(lambda _: next(replies, wrong))
    events: list[Event] = []
    with pytest.raises(Exception, match="credit balance"):
        await reader(server, 1_000).run("go", on_event=events.append)
    assert not any(isinstance(event, Notice) for event in events)
