"""The engine: runs of agents as workflows of DBOS, in one process or many."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import Any, NoReturn, Self
from weakref import WeakValueDictionary

from anyio import CapacityLimiter
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowAttributes,
    SetWorkflowID,
    WorkflowStatus,
)
from sqlalchemy.exc import SQLAlchemyError

from agentloop import (
    Agent,
    Answer,
    CallContext,
    Inbox,
    Ledger,
    Limits,
    Question,
    RunScope,
    Tool,
    ToolError,
    ToolOutput,
)
from agentloop.dispatch import cancel_and_wait
from agentloop.durable import records, runs, sdk_compat
from agentloop.durable.errors import KeyReused, StoreError, StoreFailed
from agentloop.durable.journal import FromTheBeginning, durable_tool, is_recording
from agentloop.durable.runs import ATTEMPTS, RESUMABLE, Order, delete_ended, state_of
from agentloop.durable.sharing import Sharing
from agentloop.durable.store import Store, failure_of, store_errors
from agentloop.events import Event, EventHandler, ignore
from agentloop.questions import uncounted
from agentloop.rate_limiter import RateLimiter
from agentloop.run_state import RunState
from agentloop.sessions import Session

QUEUE = "agents"
VERSION = "runs-2"
"""The version of the order of steps. Runs of another version are left to processes of that version."""
KEPT = 7 * 24 * 3600.0
"""Seconds for which a finished run is stored."""
SWEEP = 600.0
"""Seconds between deletions of old runs."""
LOOK = 0.25
"""Seconds between requests for the status of a run that another process executes."""
LOOK_LEFT = 2.0
"""Seconds between polls of a queue for runs that a process without their agent has left."""
SOON = 0.005
"""Seconds between requests for the status of a run that is about to change."""
OUTCOME_TIMEOUT = 5.0
"""Seconds within which the outcome of a run must be in the store."""
WAITING_PER_PLACE = 4
"""Runs that may wait for each one that is executed."""
THREADS = 32

_log = logging.getLogger(__name__)


class Engine:
    """Runs agents so that a crash of the process does not end their runs: finished steps are not executed again.

    On entering, it resumes the runs of an earlier process. At most `running` runs are executed at once, besides those
    that wait for a person. Finished runs are stored for `kept` seconds. `tools` are further async tools, each call of
    which is a run. A process can have one engine. `trace` is the `RunScope.trace` of every run.

    Raises:
        StoreError: on entering: the store cannot be used.
    """

    def __init__(
        self,
        store: Store,
        agents: Sequence[Agent],
        *,
        tools: Sequence[Tool] = (),
        running: int = 64,
        kept: float = KEPT,
        sharing: Sharing | None = None,
        trace: EventHandler = ignore,
    ) -> None:
        self._trace = trace
        self._sharing = sharing or Sharing()
        self.kept = kept
        self.is_stopping = False
        self.on_event: Callable[[str, Event], None] = lambda _run_id, _event: None
        """Receives the events of all runs of this process, each with the id of its run."""
        self.ask: Callable[[str, Question], Awaitable[Answer[Any]]] | None = None
        """Answers the questions of all runs of this process, each with the id of its run."""
        self.inboxes: WeakValueDictionary[str, Inbox] = WeakValueDictionary()
        """For notes to the runs that this process executes. A note that was read is stored with the turn."""
        self._store = store
        durable = [durable_tool(agent) for agent in agents]
        self._tools = {tool.name: tool for tool in [*durable, *tools]}
        self._with_sessions = {tool.name for agent, tool in zip(agents, durable, strict=True) if agent.sessions}
        self._running = running
        self._places = CapacityLimiter(running)
        self._rate_limiter = RateLimiter()
        self._observers: defaultdict[str, list[EventHandler]] = defaultdict(list)
        self._working: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._workflows: set[asyncio.Task[Any]] = set()
        self._executor = ""
        self._broken: dict[str, str] = {}
        """The store's error for each run of this process that it interrupted."""
        self._stack = AsyncExitStack()
        self._outside = copy_context()

    @property
    def tools(self) -> Sequence[str]:
        return tuple(self._tools)

    async def __aenter__(self) -> Self:
        try:
            engine = self._stack.enter_context(self._store.held())
            executor = "one" if engine is not None else f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
            if self._store.is_shared:
                from agentloop.durable.takeover import Takeover  # noqa: PLC0415 - its library is for PostgreSQL alone

                await self._stack.enter_async_context(Takeover(self._store.url, executor, QUEUE).watching())
            self._executor = executor
            self._launch(engine, executor)
            await self._register_queues()
            sweeper = asyncio.create_task(self._sweep())
            self._stack.push_async_callback(cancel_and_wait, [sweeper])
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Interrupt the active runs; the next process resumes them."""
        self.is_stopping = True
        await cancel_and_wait(self._workflows)
        await self._stack.aclose()

    async def _register_queues(self) -> None:
        """Register the queue that all processes of a shared store use, and one for each tool: see `_leave`."""
        sharing = self._sharing
        limits: dict[str, Any] = {}
        if self._store.is_shared:
            limits = {"global_concurrency": sharing.at_once, "worker_concurrency": sharing.per_worker}
            if sharing.per_owner is not None:
                limits["partition_concurrency"] = sharing.per_owner
            if sharing.starts_per_minute is not None:
                limits["limiter"] = {"limit": sharing.starts_per_minute, "period": 60.0}
            await DBOS.register_queue_async(QUEUE, **limits, polling_interval_sec=LOOK, on_conflict="always_update")
        for tool in self._tools:
            name = _queue_of(tool)
            await DBOS.register_queue_async(name, **limits, polling_interval_sec=LOOK_LEFT, on_conflict="always_update")

    def _launch(self, engine: Any, executor: str) -> None:
        sharing = self._sharing
        config = DBOSConfig(
            name="agent-runs",
            system_database_url=self._store.url,
            executor_id=executor,
            application_version=VERSION if sharing.version is None else f"{VERSION}-{sharing.version}",
            serializer=DBOSPortableJSONSerializer(),
            max_executor_threads=THREADS,
            log_level="ERROR",
        )
        if engine is not None:
            config["system_database_engine"] = engine
        DBOS(config=config)
        sdk_compat.log_no_cancellations()
        self._stack.callback(DBOS.destroy, destroy_registry=True)

        async def agent_run(order: dict[str, Any]) -> dict[str, Any]:
            run_id = DBOS.workflow_id
            assert run_id is not None
            return await self._work(run_id, Order.from_json(order))

        self._workflow = DBOS.workflow(name="agent_run", max_recovery_attempts=ATTEMPTS)(agent_run)
        DBOS.listen_queues([QUEUE, *map(_queue_of, self._tools)] if self._sharing.works else [])
        try:
            DBOS.launch()
        except Exception as error:
            raise StoreError(f"The store {self._store} cannot be used: {failure_of(error) or error}.") from error

    @property
    def is_full(self) -> bool:
        """Whether the maximum number of runs is waiting in this process."""
        return len(self._working) >= self._running * (1 + WAITING_PER_PLACE)

    async def start(self, order: Order, run_id: str) -> RunState:
        """Start the run, or join the run of that id. A cancelled one is resumed where it stopped.

        The run is in the store when this returns.

        Raises:
            ToolError: the call continues a session that the owner does not have, or that is answering another call; the
                run of that id belongs to another call (`KeyReused`); or it cannot be stored (`StoreFailed`).
        """
        with store_errors():
            if order.tool in self._with_sessions:
                order = await runs.in_session(order, run_id)
            attributes = {"of": order.fingerprint, "owner": order.owner, **runs.session_attributes(order)}
            with SetWorkflowID(run_id), SetWorkflowAttributes(attributes):
                await self._begin(order)
            status = await _status(run_id)
            if (status.attributes or {}).get("of") != order.fingerprint:
                raise KeyReused(
                    "This idempotency key was used before, for a call with other arguments. "
                    "Use a new key for a new call."
                )
            if status.status in RESUMABLE:
                await DBOS.resume_workflow_async(run_id, queue_name=QUEUE if self._store.is_shared else None)
                status = await _status(run_id)
        return state_of(status)

    async def _begin(self, order: Order) -> None:
        if not self._store.is_shared:
            await DBOS.start_workflow_async(self._workflow, order.to_json())
        elif self._sharing.per_owner is None:
            await DBOS.enqueue_workflow_async(QUEUE, self._workflow, order.to_json())
        else:
            with SetEnqueueOptions(queue_partition_key=order.owner):
                await DBOS.enqueue_workflow_async(QUEUE, self._workflow, order.to_json())

    async def find(self, run_id: str, owner: str) -> RunState | None:
        """The run of that id, or None: there is none, or it is another owner's."""
        with store_errors():
            status = await DBOS.get_workflow_status_async(run_id)
        if status is None or (state := state_of(status)).owner != owner:
            return None
        return state

    async def ended(self, run_id: str) -> RunState:
        """Wait until the run has ended.

        Raises:
            StoreFailed: the store failed, so the run is not executed until a process is restarted.
        """
        late_at = math.inf
        while True:
            with store_errors():
                status = await _status(run_id)
            state = state_of(status)
            if state.status != "working":
                return state
            if run_id in self._broken:
                raise StoreFailed(
                    f"The store of runs failed: {self._broken[run_id]}. The run continues after a restart."
                )
            is_ours = status.status == "PENDING" and status.executor_id == self._executor
            if (work := self._working.get(run_id)) is not None:
                await asyncio.wait({work}, timeout=LOOK)
                late_at = time.monotonic() + OUTCOME_TIMEOUT
            elif is_ours and time.monotonic() > late_at:
                raise StoreFailed(f"The outcome of {run_id} was not stored in time.")
            else:
                await asyncio.sleep(SOON if is_ours else LOOK)

    async def cancel(self, run_id: str) -> None:
        """Stop the run: at once if this process executes it, otherwise within about a second."""
        with store_errors():
            await DBOS.cancel_workflow_async(run_id)
        work = self._working.get(run_id)
        if work is not None:
            work.cancel()

    @asynccontextmanager
    async def observing(self, run_id: str, handler: EventHandler) -> AsyncIterator[None]:
        """Send the events of the run to `handler` while it runs in this process."""
        observers = self._observers[run_id]
        observers.append(handler)
        try:
            yield
        finally:
            observers.remove(handler)
            if not observers:
                self._observers.pop(run_id, None)

    async def _work(self, run_id: str, order: Order) -> dict[str, Any]:
        """Execute the run: the body of the workflow."""
        if order.tool not in self._tools:
            await self._leave(run_id, order.tool)
        workflow = asyncio.current_task()
        assert workflow is not None
        self._workflows.add(workflow)
        self._broken.pop(run_id, None)
        self._working[run_id] = work = asyncio.create_task(self._answer(run_id, order))
        try:
            await asyncio.wait({work})
        finally:
            if self._working.get(run_id) is work:
                del self._working[run_id]
            await cancel_and_wait([work])
            self._workflows.discard(workflow)
        if work.cancelled():
            raise sdk_compat.no_outcome(f"The run {run_id} was cancelled.")
        if (reason := failure_of(work.exception())) is not None:
            self._broken[run_id] = reason
        return work.result()

    async def _leave(self, run_id: str, tool: str) -> NoReturn:
        """Move a run of an agent that is not published here to the agent's own queue, for processes that publish it.

        A process takes runs from the common queue before it knows which agent they are of.
        """
        _log.warning("The run %s is of %s, which is not published here. It is left to a process with it.", run_id, tool)
        leaving = DBOS.resume_workflow_async(run_id, queue_name=_queue_of(tool))
        with suppress(SQLAlchemyError):  # the run stays with this process, which moves it at its next start
            await sdk_compat.outside_workflow(leaving, self._outside)
        raise sdk_compat.no_outcome(f"The run {run_id} was left to another process.")

    async def _answer(self, run_id: str, order: Order) -> dict[str, Any]:
        """The outcome of the run, as it is stored."""
        tool = self._tools[order.tool]
        session: Session | None = None
        is_recording.set(True)
        async with self._places:
            try:
                session = await sdk_compat.outside_workflow(runs.open_session(order), self._outside)
                first = (self._context(run_id, order, session),) if tool.takes_context else ()
                output = ToolOutput.of(await tool.function(*first, **order.arguments))
            except ToolError as error:
                output = ToolOutput.error(str(error))
            output = output.cut_to(Limits().max_result_chars).sendable()
            return records.to_json(output) | runs.session_outcome(session)

    def _context(self, run_id: str, order: Order, session: Session | None) -> CallContext:
        left = None if order.deadline is None else time.monotonic() + order.deadline - time.time()
        scope = RunScope(
            emit=FromTheBeginning(lambda event: self._report(run_id, event)),
            trace=self._trace,
            run_id=run_id[:12],
            depth=order.depth,
            ledger=Ledger(order.budget),
            rate_limiter=self._rate_limiter,
            inbox=self.inboxes.setdefault(run_id, Inbox()),
            owner=order.owner,
            session=session,
            ask=None if self.ask is None else uncounted(partial(self.ask, run_id), self._places),
        )
        return CallContext(deadline=left, scope=scope)

    def _report(self, run_id: str, event: Event) -> None:
        self.on_event(run_id, event)
        for handler in tuple(self._observers.get(run_id, ())):
            handler(event)

    async def _sweep(self) -> None:
        while True:
            try:
                await delete_ended(before=time.time() - self.kept)
            except Exception:  # noqa: BLE001 - they are deleted the next time
                _log.warning("Old runs could not be deleted", exc_info=True)
            await asyncio.sleep(SWEEP)


async def _status(run_id: str) -> WorkflowStatus:
    status = await DBOS.get_workflow_status_async(run_id)
    if status is None:
        raise StoreFailed(f"The run {run_id} is no longer in the store.")
    return status


def _queue_of(tool: str) -> str:
    """The queue of runs that processes without the tool have left."""
    return f"{QUEUE}:{tool}"
