"""What `agentloop.durable.sdk_compat` relies on is as it says, in the versions that are installed."""

import asyncio
import logging
import sqlite3
import time
from contextvars import copy_context
from pathlib import Path

import pytest
from dbos import DBOS

from agentloop import Tool
from agentloop.durable.engine import Engine
from agentloop.durable.runs import Order
from agentloop.durable.sdk_compat import add_unixepoch, outside_workflow
from agentloop.durable.store import Store


async def test_a_run_that_was_cancelled_has_no_outcome_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[logging.LogRecord] = []
    recorder = logging.Handler()
    monkeypatch.setattr(recorder, "emit", logged.append)
    monkeypatch.setattr(logging.getLogger("dbos"), "handlers", [recorder])
    began, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        began.set()
        await go_on.wait()
        return "done"

    order = Order("wait", {}, "me")
    async with asyncio.timeout(30), Engine(_store(tmp_path), [], tools=[Tool.from_function(wait)]) as engine:
        await engine.start(order, "run")
        await began.wait()
        await engine.cancel("run")
        assert (await engine.ended("run")).status == "cancelled"
        go_on.set()
        await engine.start(order, "run")
        state = await engine.ended("run")
    assert state.output is not None
    assert state.output.text == "done"
    assert not logged


@pytest.mark.parametrize("is_outside", [True, False])
async def test_a_call_outside_of_the_workflow_is_no_step_of_it(tmp_path: Path, *, is_outside: bool) -> None:
    context = copy_context()

    async def look() -> str:
        cancelling = DBOS.cancel_workflow_async("another")
        await (outside_workflow(cancelling, context) if is_outside else cancelling)
        return "done"

    async with asyncio.timeout(30), Engine(_store(tmp_path), [], tools=[Tool.from_function(look)]) as engine:
        await engine.start(Order("look", {}, "me"), "run")
        state = await engine.ended("run")
        steps = await DBOS.list_workflow_steps_async("run")
    assert state.output is not None
    assert state.output.text == "done"
    assert bool(steps) is not is_outside


def test_sqlite_says_the_time_as_the_sql_of_dbos_asks_for_it() -> None:
    connection = sqlite3.connect(":memory:")
    add_unixepoch(connection)
    (now,) = connection.execute("SELECT unixepoch('subsec')").fetchone()
    connection.close()
    assert abs(now - time.time()) < 60


def _store(folder: Path) -> Store:
    return Store.named(f"sqlite:{folder / 'runs'}")
