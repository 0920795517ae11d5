"""Agent calls as runs in the memory of this process, for clients that accept a task instead of the result."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from agentloop import Inbox, Limits, ToolError, ToolOutput
from agentloop.dispatch import cancel_and_wait
from agentloop.mcp.server.calls import Call
from agentloop.mcp.server.questions import OpenQuestions
from agentloop.mcp.server.reports import StatusLine
from agentloop.run_state import RunState

MAX_RUNS = 256
"""Runs in memory, those that work and those that have ended."""
KEPT = 3600.0
"""Seconds for which a run can be polled after its end."""
LIMITS = Limits(tool_timeout=24 * 3600.0)
"""For a run as a tool call. The limits of the agent end it earlier."""


Execute = Callable[..., Coroutine[Any, Any, ToolOutput]]
"""Executes a call: `Publication.run`."""


@dataclass(slots=True, eq=False)
class _Run:
    state: RunState
    questions: OpenQuestions
    work: asyncio.Task[ToolOutput] | None = None
    inbox: Inbox = field(default_factory=Inbox)
    status: StatusLine = field(default_factory=StatusLine)

    def on_end(self, work: asyncio.Task[ToolOutput]) -> None:
        state = replace(self.state, updated=time.time())
        if work.cancelled():
            self.state = replace(state, status="cancelled")
        elif (error := work.exception()) is not None:
            self.state = replace(state, status="failed", error=f"{type(error).__name__}: {error}")
        else:
            self.state = replace(state, status="completed", output=work.result())


@dataclass(slots=True)
class MemoryRuns:
    """Runs that live as long as the block of this, at most `most` of them, and `kept` seconds after their end.

    If there are too many, the one that ended first is dropped, if possible of the owner who starts another.
    """

    execute: Execute
    most: int = MAX_RUNS
    kept: float = KEPT
    _runs: dict[str, _Run] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await cancel_and_wait([run.work for run in self._runs.values() if run.work is not None])

    def takes(self, call: Call) -> bool:
        """Calls of agents, unless they are delegated: their callers receive events while they wait for the result."""
        return call.tool.spec.is_agent and not call.delegation.call

    async def start(self, call: Call) -> RunState:
        call.tool.check(call.arguments)
        self._make_room(call.owner)
        now = time.time()
        questions = OpenQuestions(call.client)
        run = _Run(RunState(secrets.token_hex(20), "working", now, now, call.owner), questions)
        self._runs[run.state.id] = run
        execute = self.execute(call, run.status.on_event, run.status.say, LIMITS, ask=questions.ask, inbox=run.inbox)
        run.work = asyncio.create_task(execute, name=f"task:{call.tool.name}")
        run.work.add_done_callback(run.on_end)
        run.work.add_done_callback(lambda _work: self._drop_later(run.state.id))
        return run.state

    async def find(self, run_id: str, owner: str) -> RunState | None:
        run = self._runs.get(run_id)
        if run is None or run.state.owner != owner:
            return None
        return replace(run.state, message=run.status.text, questions=run.questions.requests)

    async def cancel(self, run_id: str) -> None:
        work = self._runs[run_id].work
        assert work is not None
        work.cancel()

    def answer(self, run_id: str, responses: Mapping[str, Any]) -> None:
        self._runs[run_id].questions.answer(responses)

    def note(self, run_id: str, text: str) -> None:
        self._runs[run_id].inbox.send(text)

    def events(self, _run_id: str, _first: int) -> dict[str, Any]:
        """None: callers that want events are answered without a task."""
        return {}

    def _make_room(self, owner: str) -> None:
        if len(self._runs) < self.most:
            return
        ended = [run.state for run in self._runs.values() if run.state.status != "working"]
        if not ended:
            raise ToolError("The server is full: too many agent calls are running and waiting. Try again later.")
        del self._runs[min(ended, key=lambda state: (state.owner != owner, state.updated)).id]

    def _drop_later(self, run_id: str) -> None:
        asyncio.get_running_loop().call_later(self.kept, self._runs.pop, run_id, None)
