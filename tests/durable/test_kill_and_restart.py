"""A server that is killed and started again goes on with its runs, and nothing that was finished is done again."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentloop.testing import ScriptedMessages
from tests.durable.bell import Bell
from tests.durable.scripted import TOOL, ThreeTurns, call, essence, finished
from tests.surface import Held, Served, scripted_env, serving


@dataclass(frozen=True)
class Boundary:
    """Where a run is stopped: with so many steps in the store, and the turn or the call of `note` under way."""

    steps: int
    turn: int | None = None
    note: str | None = None

    async def reached(self, model: ScriptedMessages, bell: Bell, in_store: Callable[[], int]) -> None:
        """Wait until the run is there; `in_store` counts its steps."""
        if self.turn is not None:
            await model.until(lambda: len(model.requests) == self.turn)
        if self.note is not None:
            await bell.until(lambda: self.note in bell.rung)
        if self.turn is None and self.note is None:
            await model.until(lambda: finished(model) == ONCE_EACH)
        async with asyncio.timeout(60):
            while in_store() != self.steps:  # noqa: ASYNC110 - the store tells nobody by itself
                await asyncio.sleep(0.01)


def steps_in(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM operation_outputs").fetchone()
    return int(number)


ONCE_EACH = Counter({1: 1, 2: 1, 3: 1})


@asynccontextmanager
async def server(transport: str, model: ScriptedMessages, bell: Bell, store: Path) -> AsyncIterator[Served]:
    publish = ("--publish", "tests.durable.published:noter")
    env = scripted_env(model.url, BELL=str(bell.port))
    async with serving(transport, *publish, "--durable", f"sqlite:{store}", env=env) as served:
        yield served


async def calling(served: Served, tool: str = TOOL) -> None:
    with suppress(Exception, asyncio.CancelledError):
        async with served.client() as client:
            await call(client, tool=tool)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of a run that nothing interrupts."""
    store = tmp_path_factory.mktemp("unbroken") / "store"
    with ScriptedMessages(ThreeTurns()) as model:
        async with Bell() as bell, server("stdio", model, bell, store) as served, served.client() as client:
            return essence(await call(client))


BOUNDARIES = {
    "in turn 1": Boundary(steps=0, turn=1),
    "in the calls of turn 1": Boundary(steps=2, note="b"),
    "in turn 2": Boundary(steps=3, turn=2),
    "in the call of turn 2": Boundary(steps=4, note="c"),
    "in turn 3": Boundary(steps=5, turn=3),
    "after turn 3": Boundary(steps=6),
}
QUICK = ("stdio", "in the calls of turn 1")
EACH = [
    pytest.param(transport, name, marks=() if (transport, name) == QUICK else pytest.mark.slow)
    for transport in ("streamable-http", "stdio")
    for name in BOUNDARIES
]


@pytest.mark.slow
@pytest.mark.requirement("durable-kill")
@pytest.mark.parametrize(("transport", "name"), EACH)
async def test_after_kill_9_at_any_boundary_the_result_is_that_of_an_unbroken_run(
    tmp_path: Path, expected: dict[str, Any], transport: str, name: str
) -> None:
    boundary = BOUNDARIES[name]
    script = ThreeTurns(hangs=boundary.turn)
    store = tmp_path / "store"
    with ScriptedMessages(script) as model:
        async with Bell() as bell:
            bell.holds = lambda name: name == boundary.note
            async with server(transport, model, bell, store) as served, Held(_in_background(calling(served))):
                await boundary.reached(model, bell, lambda: steps_in(store))
                served.process.kill()
                await served.process.wait()
            script.hangs, bell.holds = None, lambda _name: False
            async with server(transport, model, bell, store) as served, served.client() as client:
                result = essence(await call(client))
        assert result == expected
        assert finished(model) == ONCE_EACH
        in_flight = [boundary.note] if boundary.note else []
        assert Counter(bell.rung) == Counter(["a", "b", "c", *in_flight])


@asynccontextmanager
async def _in_background(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.slow
@pytest.mark.requirement("durable-kill")
async def test_a_server_without_the_agent_leaves_its_run_to_the_next_with_it(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    script = ThreeTurns(hangs=2)
    store = tmp_path / "store"
    with ScriptedMessages(script) as model:
        async with Bell() as bell:
            async with server("streamable-http", model, bell, store) as served, Held(_in_background(calling(served))):
                await model.until(lambda: len(model.requests) == 2)
                served.process.kill()
                await served.process.wait()
            script.hangs = None
            async with serving("streamable-http", "--durable", f"sqlite:{store}", env=scripted_env(model.url)) as other:
                await reported(other.said, "noter_agent, which is not published here")
            async with server("streamable-http", model, bell, store) as served, served.client() as client:
                result = essence(await call(client))
    assert result == expected
    assert finished(model) == ONCE_EACH


async def reported(said: list[str], words: str) -> None:
    async with asyncio.timeout(20):
        while not any(words in line for line in said):  # noqa: ASYNC110 - read by another task
            await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.requirement("durable-kill")
async def test_a_run_does_not_go_on_with_another_model(tmp_path: Path) -> None:
    script = ThreeTurns(hangs=2)
    store = ("--durable", f"sqlite:{tmp_path / 'store'}", "--model")
    tool = "calculator_assistant_agent"
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with (
            serving("stdio", *store, "claude-haiku-5-5", env=env) as served,
            Held(_in_background(calling(served, tool))),
        ):
            await model.until(lambda: len(model.requests) == 2)
            served.process.kill()
            await served.process.wait()
        async with serving("stdio", *store, "claude-sonnet-5-5", env=env) as served, served.client() as client:
            result = await call(client, tool=tool)
    assert result.is_error
    assert "began with another model" in str(result.content)
    assert len(model.requests) == 2
