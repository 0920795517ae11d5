"""Taking over the runs of a process that died, on PostgreSQL.

Each process holds a session-level advisory lock under its name, which PostgreSQL releases when the process ends for any
reason. A process that acquires the lock of another one knows that the other has died. This needs a direct connection,
or session pooling; with transaction pooling the lock would be lost.

A run whose processes keep dying is stopped after a number of takeovers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from dbos import DBOS, WorkflowStatus

from agentloop.dispatch import cancel_and_wait
from agentloop.durable.errors import StoreError
from agentloop.durable.runs import ATTEMPTS, POISON
from agentloop.redaction import without_passwords

EVERY = 2.0
"""Seconds between searches for dead processes."""
TAKEOVERS = "takeovers"
"""The attribute of a run that counts its takeovers."""

_LOCK = "hashtextextended('agent-runs:' || %s, 0)"
_log = logging.getLogger(__name__)


class Takeover:
    """Holds the lock of `executor`, and searches for processes whose lock is free."""

    def __init__(self, url: str, executor: str, queue: str) -> None:
        self._url = url
        self._executor = executor
        self._queue = queue

    async def lock(self) -> psycopg.AsyncConnection:
        """Take the lock, which is held until the connection is closed.

        Raises:
            StoreError: the database cannot be reached, or a process of that name is alive.
        """
        try:
            connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            reason = without_passwords(" ".join(str(error).split()))
            raise StoreError(f"The store of runs cannot be reached: {reason}") from None
        if not await _try(connection, "pg_try_advisory_lock", self._executor):
            await connection.close()
            raise StoreError(f"There is another process with the name {self._executor}.")
        return connection

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Hold the lock, and take over the runs of dead processes, for the block. Enter it before the engine starts."""
        self._connection = await self.lock()
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await cancel_and_wait([watch])
            await self._connection.close()

    async def _watch(self) -> None:
        """Search for dead processes again and again, and take the lock again when the connection was lost."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                if self._connection.closed:
                    # Without the lock this process counts as dead. DBOS lets only one process record a result.
                    _log.warning("The connection to the store of runs was lost.")
                    self._connection = await self.lock()
                await self.take_over_all(self._connection)
            except StoreError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001 - it is tried again
                _log.warning("Looking for dead processes failed", exc_info=not self._connection.closed)

    async def take_over_all(self, connection: psycopg.AsyncConnection) -> None:
        """Take over the runs of all dead processes."""
        others = {run.executor_id for run in await _pending() if run.executor_id} - {self._executor}
        for executor in sorted(others):
            async with connection.transaction():
                if await _try(connection, "pg_try_advisory_xact_lock", executor):
                    # Listed again under the lock: another process may have taken them over meanwhile.
                    await self._take_over(executor, await _pending(executor_id=executor))

    async def _take_over(self, executor: str, runs: list[WorkflowStatus]) -> None:
        if not runs:
            return
        poison = [run for run in runs if _takeovers(run) >= ATTEMPTS]
        others = [run for run in runs if run not in poison]
        for run in runs:
            counted = {TAKEOVERS: _takeovers(run) + 1, POISON: run in poison}
            await DBOS.update_workflow_attributes_async(run.workflow_id, counted, merge=True)
        if poison:
            await DBOS.cancel_workflows_async([run.workflow_id for run in poison])
        if others:
            await DBOS.resume_workflows_async([run.workflow_id for run in others], queue_name=self._queue)
        _log.warning("%s is dead: took over %d of its runs, stopped %d", executor, len(others), len(poison))


async def _pending(**which: str) -> list[WorkflowStatus]:
    return await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False, **which)  # type: ignore[arg-type]


def _takeovers(run: WorkflowStatus) -> int:
    return int((run.attributes or {}).get(TAKEOVERS) or 0)


async def _try(connection: psycopg.AsyncConnection, function: str, executor: str) -> bool:
    cursor = await connection.execute(f"select {function}({_LOCK})", [executor])
    row = await cursor.fetchone()
    return bool(row and row[0])
