"""Notes to an agent at work: its model reads them before its next turn, and a run that is repeated has them again."""

from typing import Any

import pytest

from agentloop import (
    Agent,
    CallContext,
    ConfigurationError,
    Inbox,
    Limits,
    NoteReceived,
    RunResult,
    RunScope,
    Tool,
    create_agent_tool_async,
)
from agentloop.conversation import NOTE
from agentloop.events import Event
from agentloop.inbox import MAX_NOTE, MAX_WAITING
from agentloop.testing import RecordedRequest, Reply, calls, says, thinks
from tests.agentloop.test_journal import Notebook, Serve

pytestmark = pytest.mark.requirement("notes")
LICENCE, YEAR = "Also check the licence.", "And the year."


def content(request: RecordedRequest) -> list[tuple[str, str]]:
    """Type and text of the blocks of the last message."""
    blocks = request.body["messages"][-1]["content"]
    return [(block["type"], block.get("text", "")) for block in blocks]


def noted(*notes: str) -> list[tuple[str, str]]:
    return [("text", NOTE.format(note)) for note in notes]


def users(result: RunResult) -> list[Any]:
    return [message for message in result.conversation.messages if message["role"] == "user"]


class Editor:
    """Sends notes: while its agent's tool runs, and while the model writes its answer. The agent delegates, too."""

    def __init__(self) -> None:
        self.inbox = Inbox()

    def script(self, request: RecordedRequest) -> Reply:
        if request.system == "helper":
            return says("helped")
        if not request.results and not self.is_noted(request):
            return thinks(calls(("read", {}), ("helper_agent", {"prompt": "part"})))
        if not self.is_noted(request, YEAR):
            self.inbox.send(YEAR)
            return thinks(says("Read."))
        return says("MIT, 2026.")

    @staticmethod
    def is_noted(request: RecordedRequest, note: str = LICENCE) -> bool:
        return note in str(request.body["messages"])

    def read(self) -> str:
        self.inbox.send(LICENCE)
        return "text"


def helper_agent(prompt: str) -> str:
    return prompt


async def test_notes_come_beside_results_and_lead_to_one_more_turn_after_an_answer(scripted_messages: Serve) -> None:
    editor, received = Editor(), list[Event]()
    server = scripted_messages(editor.script)
    helper = create_agent_tool_async(Agent("helper", "helper", client=server.client))
    agent = Agent("editor", "Edit.", [Tool.from_function(editor.read), helper], client=server.client)
    result = await agent.run("go", inbox=editor.inbox, on_event=received.append)
    assert result.answer == "MIT, 2026."
    first, second, third = [request for request in server.requests if request.system != "helper"]
    assert content(first) == [("text", "go")]
    assert content(second) == [("tool_result", ""), ("tool_result", ""), *noted(LICENCE)]
    assert content(third) == noted(YEAR)
    assert [(note.text, note.number) for note in received if isinstance(note, NoteReceived)] == [
        (LICENCE, 2),
        (YEAR, 3),
    ]
    assert not any(editor.is_noted(request) for request in server.requests if request.system == "helper")


async def test_a_run_that_is_repeated_has_its_notes_in_the_same_places(scripted_messages: Serve) -> None:
    for turns in (1, 2):
        editor, notebook = Editor(), Notebook()
        server = scripted_messages(editor.script)
        tools = [Tool.from_function(editor.read), Tool.from_function(helper_agent)]
        agent = Agent("editor", "Edit.", tools, client=server.client, journal=notebook)
        same = CallContext(scope=RunScope(run_id="same"))
        first = await agent.run("go", inbox=editor.inbox, context=same)
        del notebook.turns[turns:]
        notebook.read = 0
        if turns == 1:
            editor.inbox.send(LICENCE)  # it had not been read
        again = await agent.run("go", inbox=editor.inbox, context=same)
        assert again.answer == "MIT, 2026."
        assert users(again) == users(first)


async def test_a_note_before_the_first_turn_is_a_part_of_the_question(scripted_messages: Serve) -> None:
    inbox = Inbox()
    inbox.send(LICENCE)
    server = scripted_messages([says("done")])
    await Agent("editor", "Edit.", client=server.client).run("go", inbox=inbox)
    assert content(server.requests[0]) == [("text", "go"), *noted(LICENCE)]


async def test_a_note_for_which_there_is_no_turn_stays_in_the_inbox(scripted_messages: Serve) -> None:
    inbox = Inbox()

    def script(_request: RecordedRequest) -> Reply:
        inbox.send(YEAR)
        return says("done")

    agent = Agent("editor", "Edit.", client=scripted_messages(script).client, limits=Limits(max_turns=1))
    assert (await agent.run("go", inbox=inbox)).answer == "done"
    assert inbox.take() == [YEAR]


def test_an_inbox_is_bounded() -> None:
    inbox = Inbox()
    for note, why in ((" \n", "blank"), ("x" * (MAX_NOTE + 1), "20,001 characters")):
        with pytest.raises(ConfigurationError, match=why):
            inbox.send(note)
    for _ in range(MAX_WAITING):
        inbox.send("x")
    with pytest.raises(ConfigurationError, match="20 notes wait"):
        inbox.send("x")
