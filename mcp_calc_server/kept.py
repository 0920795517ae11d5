"""Agent calls as durable runs: started or joined by key, waited for, cancelled with the last client that waits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import anyio

from agentloop import Tool, ToolError, ToolOutput
from agentloop.events import Observer
from durable_runs.engine import Engine, Order, RunState
from durable_runs.errors import StoreFailed
from mcp_calc_server.publication import Caller

CANCEL_TIMEOUT = 2.0
"""Seconds the store has to take down that a run is cancelled."""


class KeptRuns:
    """Implements `publication.Keeper`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._waiting: Counter[str] = Counter()

    def stopping(self) -> None:
        """This process is about to end: what is cancelled from now on is left to the next one."""
        self.engine.is_stopping = True

    def keeps(self, tool: str) -> bool:
        return tool in self.engine.tools

    async def run(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller, observe: Observer) -> ToolOutput:
        tool.check(arguments)
        order = order_for(tool.name, arguments, caller)
        run_id = order.run_id(caller.key)
        try:
            async with self.engine.observing(run_id, observe):
                await self.engine.start(order, run_id)
                return output_of(await self._ended(run_id))
        except StoreFailed as error:
            raise ToolError(str(error)) from error

    async def _ended(self, run_id: str) -> RunState:
        self._waiting[run_id] += 1
        try:
            return await self.engine.ended(run_id)
        except asyncio.CancelledError:
            # A server that stops leaves its runs to the next one; a client that goes stops what it pays for.
            if self._waiting[run_id] == 1 and not self.engine.is_stopping:
                with anyio.move_on_after(CANCEL_TIMEOUT, shield=True):
                    await self.engine.cancel(run_id)
            raise
        finally:
            self._waiting[run_id] -= 1
            self._waiting += Counter()  # without those at 0


def order_for(tool: str, arguments: Mapping[str, Any], caller: Caller) -> Order:
    """The order for a call to an agent, whose only argument is a prompt."""
    handover = caller.handover
    return Order(
        tool=tool,
        prompt=arguments["prompt"],
        owner=caller.owner,
        depth=handover.depth,
        deadline=None if handover.seconds is None else time.time() + handover.seconds,
        budget=handover.budget,
    )


def output_of(state: RunState) -> ToolOutput:
    """What a run that has ended answered."""
    if state.output is not None:
        return state.output
    return ToolOutput.error(
        "The run was cancelled." if state.status == "cancelled" else f"The run failed: {state.error}"
    )
