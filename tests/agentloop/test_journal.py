"""The seam for durable execution: what a journal remembers is not asked for again."""

from collections.abc import Awaitable, Callable

from agentloop import Agent, Budget, CallContext, Ledger, RunScope, Tool, ToolOutput, create_agent_tool_async
from agentloop.events import Event, RunFinished, RunStarted
from agentloop.journal import EventLog
from agentloop.testing import ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.turn import ToolUse, Turn

Serve = Callable[[Script], ScriptedMessages]


class Notebook:
    """Remembers what was said, in order, and what was answered, by call."""

    def __init__(self) -> None:
        self.turns: list[tuple[Turn, list[Event]]] = []
        self.answers: dict[str, tuple[ToolOutput, list[Event]]] = {}
        self.read = 0

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], log: EventLog) -> Turn:
        self.read += 1
        if self.read > len(self.turns):
            events = log.record()
            self.turns.append((await ask(), events))
        else:
            log.replay(self.turns[self.read - 1][1])
        return self.turns[self.read - 1][0]

    async def tool_answered(
        self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], log: EventLog
    ) -> ToolOutput:
        if use.id in self.answers:
            log.replay(self.answers[use.id][1])
        else:
            events = log.record()
            self.answers[use.id] = (await answer(), events)
        return self.answers[use.id][0]


async def test_a_run_that_is_repeated_asks_neither_the_model_nor_the_tools_again(scripted_messages: Serve) -> None:
    ran: list[float] = []

    def double(number: float) -> float:
        ran.append(number)
        return number * 2

    notebook = Notebook()
    server = scripted_messages([calls(("double", {"number": 1}), ("double", {"number": 2})), says("2 and 4")])
    agent = Agent("tester", "Test.", [Tool.from_function(double)], client=server.client, journal=notebook)
    first = await agent.run("go")
    notebook.read = 0
    again = await agent.run("go")
    assert (again.answer, again.steps, again.conversation) == (first.answer, first.steps, first.conversation)
    assert (len(server.requests), sorted(ran)) == (2, [1, 2])


async def test_a_run_that_crashed_between_two_turns_goes_on_after_the_last(scripted_messages: Serve) -> None:
    def double(number: float) -> float:
        return number * 2

    notebook = Notebook()
    asked = calls(("double", {"number": 21}))
    tools = [Tool.from_function(double)]
    before = scripted_messages([asked, says("42")])
    await Agent("tester", "Test.", tools, client=before.client, journal=notebook).run("go")
    notebook.turns.pop()
    notebook.read = 0
    after = scripted_messages([says("forty-two")])
    result = await Agent("tester", "Test.", tools, client=after.client, journal=notebook).run("go")
    assert result.answer == "forty-two"
    assert [block["content"][0]["text"] for block in after.requests[0].results] == ["42.0"]


async def test_what_is_replayed_is_reported_again_and_is_on_the_usage(scripted_messages: Serve) -> None:
    notebook = Notebook()
    server = scripted_messages([calls(("helper_agent", {"prompt": "part"})), says("half"), says("whole")])
    helper = create_agent_tool_async(Agent("helper", "Help.", client=server.client))
    agent = Agent("tester", "Test.", [helper], client=server.client, journal=notebook, early_tool_calls=False)
    budget = Budget(tokens=1_000_000)
    reported: list[list[Event]] = [[], []]
    bills, left = [], []
    for received in reported:
        notebook.read = 0
        ledger = Ledger(budget)
        result = await agent.run(
            "go", context=CallContext(scope=RunScope(emit=received.append, run_id="same", ledger=ledger))
        )
        bills.append(result.bill)
        left.append(ledger.left)
    assert len(server.requests) == 3
    assert bills[1].total == bills[0].total
    assert [bill.agent for bill in bills[1].delegated] == ["helper"]
    assert left[1] == left[0] != budget
    assert [type(event) for event in reported[1]] == [type(event) for event in reported[0]]
    assert {event.run for event in reported[1]} == {event.run for event in reported[0]}
    ends = [event for event in reported[1] if event.run == "same" and isinstance(event, RunStarted | RunFinished)]
    assert {event.replayed for event in reported[1] if event not in ends} == {True}
    assert {event.replayed for event in [*reported[0], *ends]} == {False}
