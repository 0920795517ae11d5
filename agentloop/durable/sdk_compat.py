"""What depends on parts of DBOS that its documentation does not promise.

Each function says what it depends on. `tests/durable/test_sdk_compat.py` fails when that changes.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from dbos import error

T = TypeVar("T")


def no_outcome(message: str) -> BaseException:
    """The error that a workflow raises to end without an outcome, because it was cancelled or left to another process.

    DBOS records every other error as the outcome, and documents no way to end without one. It raises this one itself in
    workflows that were cancelled.
    """
    return error.DBOSWorkflowCancelledError(message)


def log_no_cancellations() -> None:
    """Keep workflows that were cancelled out of the log: DBOS logs them as errors, with a traceback.

    DBOS documents neither that record nor the name of its logger.
    """
    logging.getLogger("dbos").addFilter(_is_no_cancellation)


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    reason = record.exc_info[1] if record.exc_info else None
    return not isinstance(reason, error.DBOSAwaitedWorkflowCancelledError)


async def outside_workflow(coroutine: Coroutine[Any, Any, T], context: Context) -> T:
    """Await a call of DBOS from a workflow without making it a step of the workflow.

    DBOS documents that calls in a workflow are steps, not that it finds the workflow in a context variable. `context`
    is one that was copied outside of workflows.
    """
    return await asyncio.get_running_loop().create_task(coroutine, context=context)


def add_unixepoch(connection: sqlite3.Connection) -> None:
    """Define the function `unixepoch` for SQLite before 3.42, which Python 3.11 may be linked with.

    DBOS chooses its SQL by the version of Python and uses the function, with `subsec`, whatever SQLite has.
    """
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", -1, lambda *_: time.time())
