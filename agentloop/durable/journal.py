"""The journal: each turn of the model is a step in the store, and each result of a tool."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from dbos import DBOS

from agentloop import Agent, ConfigurationError, Question, RunError, Tool, ToolOutput
from agentloop.durable import records
from agentloop.events import Event, EventHandler, RunStarted
from agentloop.journal import EventLog
from agentloop.turn import ToolUse, Turn

T = TypeVar("T")

is_recording: ContextVar[bool] = ContextVar("agentloop_is_recording", default=False)
"""Whether what runs here is the code of a durable run, and not inside one of its steps."""
_step_asks: ContextVar[Callable[[Question], str] | None] = ContextVar("agentloop_step_asks", default=None)
"""Makes the keys of the questions of the step that runs here."""


def question_key(question: Question) -> str | None:
    """The key of a question: the same if its step is executed again, and another one for each question of a run.

    None if no step of a durable run asks.
    """
    key_of = _step_asks.get()
    return None if key_of is None else key_of(question)


def _keys(run_id: str, step: int) -> Callable[[Question], str]:
    asked: Counter[str] = Counter()

    def key(question: Question) -> str:
        text = json.dumps([run_id, step, question.message, dict(question.schema), question.url])
        asked[text] += 1
        return hashlib.sha256(f"{asked[text]} {text}".encode()).hexdigest()[:16]

    return key


class DurableJournal:
    """Stores steps of the durable run it is used in; outside of one, and within a step, it stores nothing.

    Steps are identified by their number. `dispatch` starts the calls of a message in the order of the message, and a
    step takes its number before anything is awaited. So the numbers are the same each time, unless calls start early.

    `frame` identifies the agent's model, system prompt and tools: a run that began with others cannot be resumed,
    because the model's thinking is bound to them. It is bound to all results too, also to those of calls that are free.
    """

    def __init__(self, frame: str) -> None:
        self._frame = frame

    async def model_said(self, ask: Callable[[], Awaitable[Turn]], log: EventLog) -> Turn:
        def from_json(value: Any) -> Turn:
            if value["frame"] != self._frame:
                raise ConfigurationError(
                    "The run began with another model, system prompt or set of tools, and cannot continue with these."
                )
            return records.from_json(Turn, value["turn"])

        def to_json(turn: Turn) -> dict[str, Any]:
            return {"turn": records.to_json(turn), "frame": self._frame}

        return await _step("model", ask, log, to_json, from_json)

    async def tool_answered(
        self, use: ToolUse, answer: Callable[[], Awaitable[ToolOutput]], log: EventLog
    ) -> ToolOutput:
        return await _step(f"tool:{use.name}", answer, log, records.to_json, partial(records.from_json, ToolOutput))


def durable_tool(agent: Agent) -> Tool:
    """The agent as a tool, each call of which can be a durable run."""
    journal = DurableJournal(agent.settings.fingerprint)
    return replace(agent, journal=journal, early_tool_calls=False).as_tool()


async def _step(
    name: str,
    do: Callable[[], Awaitable[T]],
    log: EventLog,
    to_json: Callable[[T], Any],
    from_json: Callable[[object], T],
) -> T:
    if not is_recording.get():
        return await do()
    reserved = DBOS.reserve_step()
    was_done = False

    async def body() -> dict[str, Any]:
        nonlocal was_done
        was_done = True
        is_recording.set(False)
        _step_asks.set(_keys(DBOS.workflow_id or "", reserved.step_id))
        events = log.record()
        try:
            outcome = {"value": to_json(await do())}
        except RunError as error:
            outcome = {"error": records.error_to_json(error)}
        return outcome | {"events": records.events_to_json(events)}

    record = await reserved.run_async({"name": name, "preemptible": True}, body)
    if not was_done:
        log.replay(records.events_from_json(record["events"]))
    if "error" in record:
        raise records.error_from_json(record["error"])
    return from_json(record["value"])


class FromTheBeginning:
    """Buffers the first event until the next one shows whether the run is replayed, and so began earlier."""

    def __init__(self, send: EventHandler) -> None:
        self._send = send
        self._first: Event | None = None
        self._is_under_way = False

    def __call__(self, event: Event) -> None:
        if not self._is_under_way and isinstance(event, RunStarted):
            self._first, self._is_under_way = event, True
            return
        if self._first is not None:
            self._send(replace(self._first, at=event.at, replayed=True) if event.replayed else self._first)
            self._first = None
        self._send(event)
