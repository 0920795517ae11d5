"""Errors of the store. All are for the operator, except a key that was used before."""

from __future__ import annotations

from agentloop import AgentError, ConfigurationError, ToolError


class StoreError(ConfigurationError):
    """The store cannot be used: locked by another process, corrupt, not writable, not reachable."""


class StoreFailed(AgentError, ToolError):
    """The store failed while it was in use. Acknowledged steps are kept; the run is resumed at the next start.

    Raised to those that wait for a run, who may be a tool call.
    """


class KeyReused(ToolError):
    """The idempotency key belongs to a call with other arguments."""
