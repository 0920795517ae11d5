"""What is known of the running call, for code below the SDK: HTTP hooks and resolvers of extension results.

A call runs in a task of its own. The SDK's transports send a request in the context of the task that made it.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from agentloop.mcp.client.delegated_call import Delegation


@dataclass(slots=True)
class CallState:
    """One call. `delegation` is set for a call to an agent.

    `is_accepted`: a request of the call was answered with success. `is_refused`: the first one was refused because the
    server does not know the session, so nothing was run. `is_cut_off`: an event stream ended before its response.
    """

    delegation: Delegation | None = None
    is_accepted: bool = False
    is_refused: bool = False
    is_cut_off: bool = False


current_call: ContextVar[CallState | None] = ContextVar("current_call", default=None)
