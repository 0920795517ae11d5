"""Calls of functions that make prompts and resources."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import anyio
import anyio.to_thread
from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import ToolError
from agentloop.dispatch import is_cancelled

LONGEST = 60.0
"""Seconds that one call may take."""
THREADS = 16
"""Sync functions that run at once; others wait."""

_log = logging.getLogger(__name__)


async def called(function: Callable[..., Any], arguments: Mapping[str, str], what: str) -> Any:
    """What the function returns: a coroutine function on the event loop, any other in a thread.

    Raises:
        MCPError: it failed, or took too long. The text of a `ToolError` is for the client, any other for the log.
    """
    try:
        async with asyncio.timeout(LONGEST):
            if inspect.iscoroutinefunction(function):
                return await function(**arguments)
            return await anyio.to_thread.run_sync(
                partial(function, **arguments), abandon_on_cancel=True, limiter=_limiter()
            )
    except ToolError as error:
        raise MCPError(types.INVALID_PARAMS, str(error)) from None
    except MCPError:
        raise
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        raise MCPError(types.INTERNAL_ERROR, f"{what} cancelled itself.") from None
    except (Exception, SystemExit):  # noqa: BLE001 - whatever the user's code raises
        _log.exception("%s failed.", what)
        raise MCPError(types.INTERNAL_ERROR, f"{what} failed.") from None


@cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(THREADS)
