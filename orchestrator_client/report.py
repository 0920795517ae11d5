"""A report of a run: a reducer over its events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from agentloop import Bill, ToolOutput, Usage
from agentloop.delegation_context import USAGE
from agentloop.events import Event, RunFinished, RunStarted, ToolFinished, ToolStarted, TurnFinished
from agentloop.usage import usd_to_json


@dataclass(frozen=True, slots=True)
class DelegatedCall:
    """A tool call of the orchestrator. Times are in seconds since the run started."""

    tool: str
    arguments: Mapping[str, Any]
    served_by: str
    started: float
    finished: float
    is_error: bool
    result: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"started": round(self.started, 4), "finished": round(self.finished, 4)}


@dataclass
class Report:
    """The result, delegated calls and usage of the outermost run. `on_event` receives its events.

    `claims` is the part of the usage that untrusted servers claim.
    """

    delegations: list[DelegatedCall] = field(default_factory=list)
    answer: str | None = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)
    claims: Usage = field(default_factory=Usage)
    request_ids: list[str] = field(default_factory=list)
    """The API's ids of the requests of all runs, in the order of their answers."""
    _run: str | None = None
    _began: float = field(default_factory=time.monotonic)
    _started: dict[str, float] = field(default_factory=dict)

    def on_event(self, event: Event) -> None:
        if isinstance(event, RunStarted) and self._run is None:
            self._run, self._began = event.run, event.at
        if isinstance(event, TurnFinished) and event.request_id:
            self.request_ids.append(event.request_id)
        if event.run != self._run:
            return
        match event:
            case ToolStarted():
                self._started[event.call] = event.at
            case ToolFinished():
                self.delegations.append(self._delegation(event))
            case RunFinished():
                self.answer, self.error = event.answer, event.error
                self.usage, self.claims = event.bill.total, event.bill.claims

    def settle(self, output: ToolOutput) -> None:
        """Read the result of a durable run from its output if there were no events, because it had ended before."""
        if self._run is not None:
            return
        bill = Bill.from_json((output.meta or {}).get(USAGE))
        if bill is not None:
            self.usage, self.claims = bill.total, bill.claims
        if output.is_error:
            self.error = output.text
        else:
            self.answer = output.text

    def _delegation(self, event: ToolFinished) -> DelegatedCall:
        return DelegatedCall(
            tool=event.tool,
            arguments=event.arguments,
            started=self._started[event.call] - self._began,
            finished=event.at - self._began,
            served_by=event.served_by,
            is_error=event.is_error,
            result=event.result,
        )

    @property
    def failed(self) -> list[DelegatedCall]:
        """Failed calls, except those after which the same tool was called again and succeeded."""
        return [each for each in self.delegations if each.is_error and not self._was_retried(each)]

    @property
    def finished(self) -> list[DelegatedCall]:
        return [each for each in self.delegations if not each.is_error]

    def _was_retried(self, error: DelegatedCall) -> bool:
        return any(each.tool == error.tool and each.started >= error.finished for each in self.finished)

    def to_json(self, *, ok: bool, seconds: float, servers: Mapping[str, Any]) -> dict[str, Any]:
        """The object `--json` prints. `seconds` is the time the user waited; `claimed` is absent without claims."""
        report: dict[str, Any] = {
            "ok": ok,
            "answer": self.answer,
            "delegations": [each.to_json() for each in sorted(self.delegations, key=lambda each: each.started)],
            "usage": self.usage.to_json(),
            "usd": usd_to_json(self.usage.usd),
            "request_ids": self.request_ids,
            "servers": servers,
            "seconds": round(seconds, 4),
        }
        if self.claims:
            report["claimed"] = {"usage": self.claims.to_json(), "usd": usd_to_json(self.claims.usd)}
        return report if self.error is None else report | {"error": self.error}
