"""Questions of published agents: every transport and era, to a person at the client or at the client's client."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from agentloop import Accepted, Agent, Answer, Cancelled, DeadlineExceeded, Declined, Question
from agentloop.mcp import connect
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.people import NeverAnswers
from tests.surface import MODES, ROOT, TRANSPORTS, Held, Served, scripted_env, serving, text

QUESTION = "Which licence?"
ASK = {"question": QUESTION, "kind": "choice", "options": ["MIT", "BSD"]}
SYSTEM = "You ask, or delegate."


def script(request: RecordedRequest) -> Reply:
    """Each agent delegates to the one below, and the last one asks."""
    if request.results:
        return says(f"heard: {request.results[0]['content'][0]['text']}")
    names = [tool["name"] for tool in request.body["tools"]]
    return calls(("ask_user", ASK)) if names[0] == "ask_user" else calls((names[0], {"prompt": request.prompt}))


def agent_file(folder: Path, name: str, **front: Any) -> Path:
    path = folder / f"{name}.md"
    head = {"name": name, "description": f"The {name}.", **front}
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---", SYSTEM]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def chain(folder: Path, depth: int, mode: str, env: Mapping[str, str]) -> Path:
    """The file of an agent that asks, or has others below it that do, each behind a server of its own."""
    below = agent_file(folder, "level1", canAsk=True)
    for level in range(2, depth + 1):
        arguments = ["-m", "mcp_calc_server", "--agents", str(below)]
        entry = {"command": sys.executable, "args": arguments, "env": dict(env), "trusted": True, "protocol": mode}
        below = agent_file(folder, f"level{level}", mcpServers=[{"below": entry}], tools="mcp__below")
    return below


@asynccontextmanager
async def published(
    folder: Path, transport: str, mode: str, depth: int, model: ScriptedMessages
) -> AsyncIterator[Served]:
    env = scripted_env(model.url, PYTHONPATH=str(ROOT))
    arguments = ("--agents", str(chain(folder, depth, mode, env)), "--max-agents", "1")
    async with serving(transport, *arguments, env=env) as served:
        yield served


@dataclass
class Setting:
    """A server whose agent asks; `entry` is how a client of this project reaches one like it."""

    served: Served
    entry: dict[str, Any]
    mode: str
    tool: str
    model: ScriptedMessages

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[Agent]:
        """An agent of this process that delegates to the server's."""
        async with connect({"top": self.entry}) as servers:
            assert servers.connections[0].is_up, servers.connections[0].error
            yield Agent("lead", SYSTEM, servers.tools, client=self.model.client)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        pytest.param(
            (transport, mode, depth),
            marks=[] if (transport, mode, depth) == ("streamable-http", "auto", 1) else pytest.mark.slow,
        )
        for transport in TRANSPORTS
        for mode in MODES
        for depth in (1, 3)
    ],
    ids=lambda each: "-".join(map(str, each)),
)
async def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    transport, mode, depth = request.param
    folder = tmp_path_factory.mktemp("agents")
    with ScriptedMessages(script) as model:
        async with Held(published(folder, transport, mode, depth, model)) as served:
            entry: dict[str, Any] = {"url": served.url, "type": "sse" if transport == "sse" else "http"}
            if transport == "stdio":
                arguments = ["-m", "mcp_calc_server", "--agents", str(folder / f"level{depth}.md")]
                entry = {
                    "command": sys.executable,
                    "args": arguments,
                    "env": scripted_env(model.url, PYTHONPATH=str(ROOT)),
                }
            yield Setting(served, {**entry, "protocol": mode, "trusted": True}, mode, f"level{depth}_agent", model)


on_loop = pytest.mark.asyncio(loop_scope="module")
SAID = {
    Accepted: 'The user answered: "MIT"',
    Declined: "The user declined to answer",
    Cancelled: "The user dismissed the question",
}


@pytest.mark.requirement("questions")
@pytest.mark.parametrize(
    "answer", [Accepted({"answer": "MIT"}), Declined(), Cancelled()], ids=["answer", "decline", "cancel"]
)
@on_loop
async def test_the_answer_reaches_the_agent_that_asked(setting: Setting, answer: Answer[Any]) -> None:
    asked: list[Question] = []

    async def person(question: Question) -> Answer[Any]:
        asked.append(question)
        return answer

    async with setting.lead() as lead:
        result = await lead.run("go", on_question=person)
    assert SAID[type(answer)] in result.answer
    (question,) = asked
    assert (question.message, question.agent) == (QUESTION, "level1")
    assert question.schema["properties"]["answer"]["enum"] == ["MIT", "BSD"]
    assert question.server.split(" > ") == ["top", *["below"] * (result.answer.count("heard") - 2)]


@pytest.mark.requirement("questions")
@on_loop
async def test_a_client_without_elicitation_is_an_error_at_once(setting: Setting) -> None:
    async with _client(setting) as client:
        result = await client.call_tool(setting.tool, {"prompt": "go"})
    assert "Nobody can be asked: the client does not pass questions on" in text(result)


@pytest.mark.requirement("questions")
@on_loop
async def test_a_handler_that_fails_is_an_error_that_the_agent_reads(setting: Setting) -> None:
    async def person(_question: Question) -> Answer[Any]:
        raise RuntimeError("out of order")

    async with setting.lead() as lead:
        result = await lead.run("go", on_question=person)
    assert "The question could not be asked: RuntimeError: out of order" in result.answer


@pytest.mark.slow
@pytest.mark.requirement("question-waits")
@on_loop
async def test_the_deadline_ends_the_wait(setting: Setting) -> None:
    person = NeverAnswers()
    async with setting.lead() as lead:
        await lead.run("go", on_question=_declines)  # now all servers are up
        with pytest.raises(DeadlineExceeded):
            await lead.run("go", on_question=person, deadline=8)
    assert person.is_withdrawn.is_set()


@pytest.mark.slow
@pytest.mark.requirement("question-waits")
@on_loop
async def test_a_client_that_leaves_ends_the_wait_and_nothing_more_is_asked(setting: Setting) -> None:
    person = NeverAnswers()
    async with setting.lead() as lead:
        run = asyncio.create_task(lead.run("go", on_question=person))
        asked = asyncio.create_task(person.is_asked.wait())
        await asyncio.wait({asked, run}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert asked.done(), run.result().answer if run.done() else "no question in time"
        requests = len(setting.model.requests)
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        assert person.is_withdrawn.is_set()
    async with _client(setting, lambda: ElicitResult(action="accept", content={"answer": "BSD"})) as another:
        result = await another.call_tool(setting.tool, {"prompt": "go"})
    assert 'The user answered: "BSD"' in text(result)
    depth = int(setting.tool[len("level")])
    assert len(setting.model.requests) == requests + 2 * depth, "those of the second call alone"


async def _declines(_question: Question) -> Answer[Any]:
    return Declined()


@asynccontextmanager
async def _client(setting: Setting, answer: Callable[[], ElicitResult] | None = None) -> AsyncIterator[Client]:
    """A client of the SDK, which is not one of this project."""

    async def elicit(_context: ClientRequestContext, _params: ElicitRequestParams) -> ElicitResult:
        assert answer is not None
        return answer()

    options: dict[str, Any] = {} if answer is None else {"elicitation_callback": elicit}
    if setting.served.transport != "stdio":
        async with setting.served.client(setting.mode, **options) as client:
            yield client
        return
    command = [setting.entry["command"], *setting.entry["args"]]
    async with (
        serving("stdio", env=setting.entry["env"], command=command) as served,
        served.client(setting.mode, **options) as client,
    ):
        yield client
