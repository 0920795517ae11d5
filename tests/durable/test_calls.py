"""Agent calls as durable runs: keys, cancelling, what a client sees."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from agentloop.delegation_context import IDEMPOTENCY_KEY, USAGE
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.surface import Held, Served, scripted_env, serving, text

AGENT = "calculator_assistant_agent"
ANSWER = 'Answer: {"result": "1.5", "exact": true}'


async def answer(request: RecordedRequest) -> Reply:
    """A prompt with `hold` is not answered at the second turn as long as `hold` is in `held`."""
    if request.results:
        if "hold" in request.prompt and request.prompt in held:
            await held[request.prompt].wait()
        return says(f"Answer: {request.results[0]['content'][0]['text']}")
    return calls(("sum_numbers", {"numbers": [1, "0.5"]}))


held: dict[str, asyncio.Event] = {}


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedMessages]:
    with ScriptedMessages(answer) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(model: ScriptedMessages, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    store = tmp_path_factory.mktemp("runs") / "store"
    async with Held(serving("streamable-http", "--durable", f"sqlite:{store}", env=scripted_env(model.url))) as server:
        yield server


def keyed(key: object) -> Any:
    """The `_meta` of a call with this key."""
    return {IDEMPOTENCY_KEY: key}


def about(model: ScriptedMessages, prompt: str) -> list[RecordedRequest]:
    return [request for request in model.requests if request.prompt == prompt]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.slow
@pytest.mark.requirement("durable-key")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_made_again_with_its_key_is_not_paid_again(
    model: ScriptedMessages, served: Served, mode: str
) -> None:
    prompt, meta = f"again {mode}", keyed(f"key {mode}")
    async with served.client(mode) as client:
        first = await client.call_tool(AGENT, {"prompt": prompt}, meta=meta)
        at_once = await asyncio.gather(*(client.call_tool(AGENT, {"prompt": prompt}, meta=meta) for _ in range(5)))
    assert text(first) == ANSWER
    assert [each.content for each in at_once] == [first.content] * 5
    assert [(each.meta or {})[USAGE] for each in at_once] == [(first.meta or {})[USAGE]] * 5
    assert len(about(model, prompt)) == 2


@pytest.mark.requirement("durable-key")
async def test_calls_at_once_with_one_key_are_one_run(model: ScriptedMessages, served: Served) -> None:
    meta = keyed("at once")
    async with served.client() as client:
        results = await asyncio.gather(*(client.call_tool(AGENT, {"prompt": "at once"}, meta=meta) for _ in range(5)))
    assert [text(result) for result in results] == [ANSWER] * 5
    assert len(about(model, "at once")) == 2


@pytest.mark.requirement("durable-key")
async def test_a_key_of_another_call_is_refused(model: ScriptedMessages, served: Served) -> None:
    meta = keyed("used")
    async with served.client() as client:
        await client.call_tool(AGENT, {"prompt": "used"}, meta=meta)
        other = await client.call_tool(AGENT, {"prompt": "other"}, meta=meta)
    assert other.is_error
    assert "used before, for a call with other arguments" in text(other)
    assert about(model, "other") == []


@pytest.mark.requirement("durable-key")
@pytest.mark.parametrize("key", ["", "x" * 201, 7, {"a": 1}])
async def test_a_key_that_is_none_is_refused(served: Served, key: object) -> None:
    async with served.client() as client:
        result = await client.call_tool(AGENT, {"prompt": "x"}, meta=keyed(key))
    assert result.is_error
    assert "not a text of 1 to 200 characters" in text(result)


async def test_a_client_that_leaves_stops_its_run_and_one_that_comes_back_goes_on_with_it(
    model: ScriptedMessages, served: Served
) -> None:
    prompt, meta = "hold on", keyed("hold on")
    held[prompt] = asyncio.Event()
    async with served.client() as client:
        call = asyncio.create_task(client.call_tool(AGENT, {"prompt": prompt}, meta=meta))
        await model.until(lambda: len(about(model, prompt)) == 2)
        call.cancel()
        await model.until(lambda: about(model, prompt)[1].outcome == "cancelled")
        del held[prompt]
        again = await client.call_tool(AGENT, {"prompt": prompt}, meta=meta)
    assert text(again) == ANSWER
    assert len(about(model, prompt)) == 3


async def test_bad_arguments_are_reported_as_without_a_store(served: Served) -> None:
    async with served.client() as client:
        result = await client.call_tool(AGENT, {"prompt": ""})
    assert result.is_error
    assert "Invalid arguments for calculator_assistant_agent" in text(result)
