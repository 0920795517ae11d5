"""The seam for durable execution: what a journal remembers is not asked for again."""

from collections.abc import Awaitable, Callable

from agentloop import Agent, Tool, ToolOutput
from agentloop.testing import ScriptedMessages, calls, says
from agentloop.testing.server import Script
from agentloop.turn import ToolUse, Turn

Serve = Callable[[Script], ScriptedMessages]


class Notebook:
    """Remembers what was said, in order, and what was answered, by call."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.answers: dict[str, ToolOutput] = {}
        self.read = 0

    async def model_said(self, ask: Callable[[], Awaitable[Turn]]) -> Turn:
        if self.read == len(self.turns):
            self.turns.append(await ask())
        self.read += 1
        return self.turns[self.read - 1]

    async def tool_answered(self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]]) -> ToolOutput:
        if use.id not in self.answers:
            self.answers[use.id] = await answer()
        return self.answers[use.id]


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
