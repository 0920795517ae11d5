"""The orchestrator and a server that keeps runs: the server may be killed in mid call."""

import asyncio
import json
import shlex
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from orchestrator_client.cli import main
from tests.durable.scripted import turn_of
from tests.processes import CLIENT, finished, run, started
from tests.surface import scripted_env, serving

AGENT = "calculator_assistant_agent"
PARTS = ("part one", "part two")
ANSWER = "Together: ['part one: 3', 'part two: 3']"


class Parts:
    """The orchestrator delegates two parts at once; each adds, then answers. What is in `hangs` waits.

    `whole 1` and `whole 2` are the orchestrator's turns, `part 1` and `part 2` those of both parts.
    """

    def __init__(self, hangs: str | None) -> None:
        self.hangs = hangs

    async def __call__(self, request: RecordedRequest) -> Reply:
        is_part = request.prompt in PARTS
        while self.hangs == f"{'part' if is_part else 'whole'} {turn_of(request)}":  # noqa: ASYNC110 - other thread
            await asyncio.sleep(0.02)
        if is_part and not request.results:
            return calls(("sum_numbers", {"numbers": [1, 2]}))
        if is_part:
            return says(f"{request.prompt}: 3")
        if not request.results:
            return calls(*((AGENT, {"prompt": part}) for part in PARTS))
        texts = [block["content"][0]["text"] for block in request.results]
        return says(f"Together: {texts}")


def turns(model: ScriptedMessages) -> Counter[tuple[str, int]]:
    """The turns the model finished, by prompt."""
    complete = [request for request in model.requests if request.outcome == "complete"]
    return Counter((request.prompt, turn_of(request)) for request in complete)


def check_turns(model: ScriptedMessages) -> None:
    """Six turns, once each. One of them may be asked for again: it was finished at the kill, and not yet stored."""
    finished_turns = turns(model)
    assert len(finished_turns) == 6
    assert sum(finished_turns.values()) <= 7


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.requirement("durable-client")
async def test_a_server_that_is_killed_in_mid_call_costs_the_orchestrator_nothing(tmp_path: Path) -> None:
    script, port = Parts("part 2"), str(free_port())
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        server = ("--durable", f"sqlite:{tmp_path / 'store'}", "--port", port)
        url = f"http://127.0.0.1:{port}/mcp"
        async with (
            serving("streamable-http", *server, env=env) as first,
            started([*CLIENT, "--server", url, "--json", "whole"], env=env) as client,
        ):
            await model.until(lambda: len(model.requests) == 5)
            first.process.kill()
            await first.process.wait()
            script.hangs = None
            async with serving("streamable-http", *server, env=env):
                end = await finished(client, seconds=120)
    report = json.loads(end.out)
    assert (end.code, report["answer"]) == (0, ANSWER), end.err
    assert "local" not in {part["served_by"] for part in report["delegations"]}
    check_turns(model)


@asynccontextmanager
async def served(over: str, env: Mapping[str, str], store: Path) -> AsyncIterator[Sequence[str]]:
    """What to add to the client's command line: a server over HTTP that lives on, or its own over stdio."""
    if over == "stdio":
        yield ()
        return
    async with serving("streamable-http", "--durable", f"sqlite:{store}", env=env) as server:
        yield ("--server", server.url)


@pytest.mark.slow
@pytest.mark.requirement("durable-resume")
@pytest.mark.parametrize("over", ["stdio", "streamable-http"])
@pytest.mark.parametrize(("place", "requests"), [("whole 1", 1), ("part 1", 3), ("part 2", 5), ("whole 2", 6)])
async def test_an_orchestrator_that_is_killed_is_finished_by_resume(
    tmp_path: Path, over: str, place: str, requests: int
) -> None:
    script = Parts(place)
    runs = ("--durable-dir", str(tmp_path / "runs"))
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with served(over, env, tmp_path / "store") as server:
            async with started([*CLIENT, *server, "--durable", *runs, "whole"], env=env) as client:
                await model.until(lambda: len(model.requests) == requests)
                client.kill()
                await client.wait()
            script.hangs = None
            (run_id,) = (path.stem for path in (tmp_path / "runs").glob("*.json"))
            end = await run(*CLIENT, "resume", run_id, *runs, "--json", env=env, seconds=120)
            again = await run(*CLIENT, "resume", run_id, *runs, env=env, seconds=120)
    report = json.loads(end.out)
    assert (end.code, report["answer"]) == (0, ANSWER), end.err
    assert len(report["delegations"]) == 2
    assert (again.code, again.out) == (0, f"{ANSWER}\n")
    check_turns(model)
    billed = sum(usage["requests"] for usage in report["usage"].values())
    assert billed == 6, "the bill is that of the whole run"


@pytest.mark.requirement("durable-resume")
def test_what_cannot_be_resumed_is_reported(tmp_path: Path) -> None:
    for name in ("aaaaaaaaaaaa", "approvals", "projects"):
        (tmp_path / f"{name}.json").write_text("{}", encoding="utf-8")
    for run_id, said in [
        ("0123456789ab", "There is no run"),
        ("../../x", "Runs stored there: aaaaaaaaaaaa."),
        ("a" * 12, "cannot be read"),
    ]:
        end = CliRunner().invoke(main, ["resume", run_id, "--durable-dir", str(tmp_path)])
        assert (end.exit_code, end.stdout) == (2, "")
        assert said in " ".join(end.stderr.split())


@pytest.mark.requirement("durable-resume")
def test_the_command_that_resumes_a_run_works_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = CliRunner().invoke(main, ["--offline", "--local", "--durable", "--durable-dir", "my runs", "1 + 1"])
    told = next(line for line in asked.stderr.splitlines() if line.startswith("To resume this run"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    end = CliRunner().invoke(main, shlex.split(told.partition("orchestrator-client ")[2]))
    assert (end.exit_code, end.stdout) == (0, "Answer: 2\n"), end.stderr


@pytest.mark.slow
@pytest.mark.requirement("durable-resume")
async def test_what_is_kept_of_a_run_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    end = await run(*CLIENT, "--local", "--quiet", "--durable", "--durable-dir", str(folder), "1 + 1")
    assert (end.code, end.out) == (0, "Answer: 2\n")
    kept = [folder, *folder.iterdir()]
    assert {path.suffix for path in kept} >= {".json", ".frame", ".sqlite"}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
