"""A store that takes nothing more: told clearly, and nothing is lost that was acknowledged."""

from pathlib import Path

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.durable.scripted import call
from tests.processes import SERVER
from tests.surface import scripted_env, serving, text

AGENT = "calculator_assistant_agent"
BLOCKS = 2_000
"""Of 512 bytes, which no file of the server may exceed: more than an empty store, less than many runs."""


def answer(request: RecordedRequest) -> Reply:
    if request.results:
        return says(f"done: {request.prompt[:20]}")
    return calls(("sum_numbers", {"numbers": [1, 2]}))


def prompt(number: int) -> str:
    return f"{number} ".ljust(19_000, "x")


@pytest.mark.slow
@pytest.mark.requirement("durable-store")
async def test_a_full_store_is_reported_and_what_it_has_is_kept(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'store'}"
    limited = ("sh", "-c", f'ulimit -f {BLOCKS} && exec "$0" "$@"', *SERVER)
    answered: list[str] = []
    with ScriptedMessages(answer) as model:
        env = scripted_env(model.url)
        options = ("--durable", store)
        async with serving("streamable-http", *options, env=env, command=limited) as served, served.client() as client:
            while not (result := await call(client, f"key {len(answered)}", prompt(len(answered)), AGENT)).is_error:
                answered.append(text(result))
                assert len(answered) < 100, "the limit was not reached"
            assert "The store of runs failed" in text(result)
            assert not (await client.call_tool("sum_numbers", {"numbers": [1, 2]})).is_error, "the functions go on"
        paid = len(model.requests)
        async with serving("streamable-http", *options, env=env) as served, served.client() as client:
            again = [text(await call(client, f"key {n}", prompt(n), AGENT)) for n in range(len(answered))]
            assert again == answered
            assert len(model.requests) <= paid + 2, "nothing acknowledged is paid again; the run that failed goes on"
            last = await call(client, f"key {len(answered)}", prompt(len(answered)), AGENT)
        assert not last.is_error
    assert len(answered) > 2
